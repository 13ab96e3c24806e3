Feature: Expressions

  Scenario: The first output is the result
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ 1, 2 }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: 1
    """

  Scenario: No output is null
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ empty }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: null
    """

  Scenario: What is absent is null
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a.b }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: null
    """

  Scenario: An alternative takes the place of null
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a // 7 }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: 7
    """

  Scenario: False is replaced by an alternative, too
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a // 7 }'}}
    """
    And given the workflow input is:
    """yaml
    a: false
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: 7
    """

  Scenario: Numbers are added
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a + .b }'}}
    """
    And given the workflow input is:
    """yaml
    {a: 2, b: 3}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: 5
    """

  Scenario: Texts are joined
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a + "-" + .b }'}}
    """
    And given the workflow input is:
    """yaml
    {a: x, b: y}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: x-y
    """

  Scenario: Objects are merged
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ {a: 1, b: 1} + {b: 2} }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: {a: 1, b: 2}
    """

  Scenario: Objects are multiplied deep down
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ {a: {b: 1}} * {a: {c: 2}} }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: {a: {b: 1, c: 2}}
    """

  Scenario: An array loses what is subtracted
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ [1, 2, 3] - [2] }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: [1, 3]
    """

  Scenario: A map goes over every element
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a | map(. * 2) }'}}
    """
    And given the workflow input is:
    """yaml
    a: [1, 2]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: [2, 4]
    """

  Scenario: A select keeps what holds
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ [.a[] | select(. > 1)] }'}}
    """
    And given the workflow input is:
    """yaml
    a: [1, 2, 3]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: [2, 3]
    """

  Scenario: An if decides
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ if .a then "yes" else "no" end }'}}
    """
    And given the workflow input is:
    """yaml
    a: false
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: "no"
    """

  Scenario: A reduce sums up
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ reduce .a[] as $x (0; . + $x) }'}}
    """
    And given the workflow input is:
    """yaml
    a: [1, 2, 3]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: 6
    """

  Scenario: A variable is bound
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a as $x | $x * $x }'}}
    """
    And given the workflow input is:
    """yaml
    a: 3
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: 9
    """

  Scenario: A function is defined and used
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ def twice: . * 2; .a | twice }'}}
    """
    And given the workflow input is:
    """yaml
    a: 4
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: 8
    """

  Scenario: An array is sorted by a key
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ [.a[] | .k] | sort }'}}
    """
    And given the workflow input is:
    """yaml
    a: [{k: 2}, {k: 1}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: [1, 2]
    """

  Scenario: Elements are grouped
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ [.a | group_by(.k)[] | length] }'}}
    """
    And given the workflow input is:
    """yaml
    a: [{k: 1}, {k: 2}, {k: 1}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: [2, 1]
    """

  Scenario: A text is split
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a | split(",") }'}}
    """
    And given the workflow input is:
    """yaml
    a: "x,y"
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: [x, y]
    """

  Scenario: A regular expression is tested
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a | test("^o[0-9]+$") }'}}
    """
    And given the workflow input is:
    """yaml
    a: o17
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: true
    """

  Scenario: An object becomes entries and back
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a | with_entries(.value += 1) }'}}
    """
    And given the workflow input is:
    """yaml
    a: {x: 1}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: {x: 2}
    """

  Scenario: A text becomes a number
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a | tonumber }'}}
    """
    And given the workflow input is:
    """yaml
    a: "12"
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: 12
    """

  Scenario: A number becomes a text
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a | tostring }'}}
    """
    And given the workflow input is:
    """yaml
    a: 12
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: "12"
    """

  Scenario: JSON in a text is read
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a | fromjson }'}}
    """
    And given the workflow input is:
    """yaml
    a: '{"b": 1}'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: {b: 1}
    """

  Scenario: An interpolation puts values into a text
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ "<\(.a)>" }'}}
    """
    And given the workflow input is:
    """yaml
    a: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: <5>
    """

  Scenario: The whole of a negative index counts from the end
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a[-1] }'}}
    """
    And given the workflow input is:
    """yaml
    a: [1, 2, 3]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: 3
    """

  Scenario: A slice is a part
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a[1:3] }'}}
    """
    And given the workflow input is:
    """yaml
    a: [1, 2, 3, 4]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: [2, 3]
    """

  Scenario: A try catches an error of its own
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ try error("x") catch . }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: x
    """

  Scenario: An optional access gives nothing
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ [.a[]?] }'}}
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: []
    """

  Scenario: Types have names
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ [.a, .b, .c, null] | map(type) }'}}
    """
    And given the workflow input is:
    """yaml
    {a: 1, b: x, c: true}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: [number, string, boolean, 'null']
    """

  Scenario: A division by zero is an error
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ 1 / 0 }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/only
    """

  Scenario: An index into a number is an error
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a.b }'}}
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/only
    """

  Scenario: A sum of a number and a text is an error
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ 1 + "a" }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/only
    """

  Scenario: An error that an expression raises is an expression error
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ error("no") }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/only
    """

  Scenario: Half an index is an error
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a[0.5] }'}}
    """
    And given the workflow input is:
    """yaml
    a: [1]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/only
    """

  Scenario: A slice of null is an error
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ null[1:3] }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/only
    """

  Scenario: A number that is not one is an error
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ nan }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/only
    """

  Scenario: An infinite number is an error
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ infinite }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/only
    """

  Scenario: An endless loop is cut off
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ last(repeat(1)) }'}}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/only
    """

  Scenario: There is no now
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ now }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-expression'

  Scenario: There is no env
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ env }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-expression'

  Scenario: There is no input
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ input }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-expression'

  Scenario: There is no debug
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ debug }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-expression'

  Scenario: There is no halt
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ halt }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-expression'

  Scenario: There is no localtime
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ localtime }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-expression'

  Scenario: There is no environment
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ $ENV.HOME }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-variable'

  Scenario: A variable that is not in scope is refused
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ $nobody }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-variable'

  Scenario: An expression that does not end is refused
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ .a[ }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-expression'

  Scenario: Secrets are refused where the history would keep them
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ $secrets.x }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'secret-here'

  Scenario: The authorization is refused
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {r: '${ $authorization.scheme }'}}
    """
    When the definition is registered
    Then the definition should be refused with 'secret-here'

  Scenario: The output is not there while it is made
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {n: 1}, output: {as: '$output'}}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/expression', status: 400, instance: /do/0/a}
    """

  Scenario: The raw output of a task is known to its output and its export
    Given a workflow with definition:
    """yaml
    output: {as: '[., $context]'}
    do: [{a: {set: {n: 1}, output: {as: '[$task.output.n]'}, export: {as: '[$output, $task.output]'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [[1], [[1], {n: 1}]]
    """

  Scenario: A condition of a loop sees the input of the loop
    Given a workflow with definition:
    """yaml
    do: [{a: {for: {in: '[1, 2, 3]'}, while: '.n < $input.most', do: [{b: {set: '${ {n: ((.n // 0) + 1)} }'}}]}}]
    """
    And given the workflow input is:
    """yaml
    most: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 2}
    """

  Scenario: Conditions and arrays take an expression with and without its marks
    Given a workflow with definition:
    """yaml
    do:
      - one: {if: '${ .n == 2 }', for: {in: '${ [range(.n)] }', at: nth}, while: $nth < 5, do: [{a: {if: .n > 0, set: {n: 3}}}]}
      - two: {switch: [{yes: {when: '${ .n == 3 }', then: three}}, {no: {then: end}}]}
      - three: {set: {n: '${ .n }', text: 'n is ${ .n }', path: .n}}
    """
    And given the workflow input is:
    """yaml
    n: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 3, text: 'n is ${ .n }', path: .n}
    """

  Scenario: A text may not grow without bounds
    Given a workflow with definition:
    """yaml
    do: [{only: {set: {r: '${ "x" * 5000000 }'}}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression', instance: /do/0/only}
    """

  Scenario: What exceeds a limit cannot be caught in jq
    Given a workflow with definition:
    """yaml
    do: [{only: {set: {r: '${ try last(repeat(1)) catch "caught" }'}}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression', instance: /do/0/only}
    """

  Scenario: A text for a regular expression has a limit
    Given a workflow with definition:
    """yaml
    do: [{only: {set: {r: '${ ("x" * 300000) | test("x") }'}}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression', instance: /do/0/only}
    """

  Scenario: Errors do not tell values
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{only: {set: {r: '${ .name - .age }'}}}]
          catch: {as: error, do: [{told: {set: {tells: '${ $error | tostring | test("Lovelace|1815") }'}}}]}
    """
    And given the workflow input is:
    """yaml
    {name: Lovelace, age: 1815}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tells: false
    """

  Scenario: When it began stands for now
    Given a workflow with definition:
    """yaml
    do: [{only: {set: {r: '${ [$task.startedAt, $workflow.startedAt] | map(.epoch.milliseconds > 0) }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    r: [true, true]
    """
