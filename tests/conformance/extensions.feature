Feature: Extensions

  Scenario: Tasks before and after each task
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - log:
            extend: set
            before:
              - note: {set: '${ "before " + $task.name }', export: {as: '$context + {log: ($context.log + [.])}'}}
            after:
              - note: {set: '${ "after " + $task.name }', export: {as: '$context + {log: ($context.log + [.])}'}}
    do:
      - one: {set: {x: 1}}
      - two: {do: [{three: {set: {x: '${ .x + 1 }'}}}]}
      - see: {do: [], output: {as: '{x: .x, log: $context.log}'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    x: 2
    log: [before one, after one, before three, after three]
    """

  Scenario: A call is mocked
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - mock:
            extend: call
            when: ($task.with.endpoint.uri // "") | startswith("https://mocked.test")
            before:
              - answer: {set: {name: Rex}, then: exit}
    do:
      - get: {call: http, with: {method: get, endpoint: {uri: 'https://mocked.test/pets/1'}}, output: {as: .name}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Rex
    """

  Scenario: The first extension is the outermost
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - outer: {extend: all, before: [{n: {set: '${ "1" }', export: {as: '{log: ($context.log + [.])}'}}}], after: [{n: {set: '${ "4" }', export: {as: '{log: ($context.log + [.])}'}}}]}
        - inner: {extend: all, before: [{n: {set: '${ "2" }', export: {as: '{log: ($context.log + [.])}'}}}], after: [{n: {set: '${ "3" }', export: {as: '{log: ($context.log + [.])}'}}}]}
    output: {as: $context.log}
    do:
      - only: {set: {x: 1}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ['1', '2', '3', '4']
    """

  Scenario: An error in an extension is the task's
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - guard:
            extend: set
            when: $task.set.amount > 100
            before:
              - refuse: {raise: {error: {type: 'https://example.com/too-much', status: 422, title: Too much}}}
    do:
      - pay: {set: {amount: 500}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/too-much
    status: 422
    title: Too much
    instance: /do/0/pay/extensions/guard/before/0/refuse
    """

  Scenario: What an extension runs before and after does not count as the task's time
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - slow: {extend: set, before: [{w: {wait: {milliseconds: 400}}}], after: [{w: {wait: {milliseconds: 400}}}]}
    do:
      - quick: {set: {x: 1}, timeout: {after: {milliseconds: 300}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    x: 1
    """

  Scenario: An extension with a mistake is told once
    Given a workflow with definition:
    """yaml
    use: {extensions: [{e: {extend: set, before: [{x: {sett: {}}}]}}]}
    do: [{a: {set: {x: 1}}}, {b: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'missing-keyword'

  Scenario: Texts are expressions in the loose mode, where they can be
    Given a workflow with definition:
    """yaml
    evaluate: {mode: loose}
    do:
      - only: {set: {sum: .a + .b, text: Hello you, name: .name, broken: .a + .name}}
    """
    And given the workflow input is:
    """yaml
    {a: 1, b: 2, name: Bo}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {sum: 3, text: Hello you, name: Bo, broken: .a + .name}
    """

  Scenario: Texts are texts in the strict mode
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {sum: .a + .b}}
    """
    And given the workflow input is:
    """yaml
    {a: 1, b: 2}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: .a + .b
    """

  Scenario: How long a retry waits may be an expression
    Given a workflow with definition:
    """yaml
    do:
      - again:
          try:
            - once: {raise: {error: {type: 'https://example.com/busy', status: 503}}}
          catch:
            retry: {delay: '${ {milliseconds: .wait} }', limit: {attempt: {count: 2}}}
            do: [{handled: {set: {status: '${ $error.status }'}}}]
    """
    And given the workflow input is:
    """yaml
    wait: 20
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 503
    """

  Scenario: A delay that is no duration is an error of the try
    Given a workflow with definition:
    """yaml
    do:
      - again:
          try:
            - once: {raise: {error: {type: 'https://example.com/busy', status: 503}}}
          catch:
            retry: {delay: '${ .wait }', limit: {attempt: {count: 2}}}
    """
    And given the workflow input is:
    """yaml
    wait: soon
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/again
    """

  Scenario: What an extension gives is dropped, and what it sees
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - look:
            extend: set
            before: [{b: {set: '${ {before: .} }', export: {as: '$context + .'}}}]
            after: [{a: {set: '${ {after: ., raw: $task.output, with: $task.set} }', export: {as: '$context + .'}}}]
    do:
      - one: {input: {from: .n}, set: {n: '${ . + 1 }'}, output: {as: '{m: .n}'}}
      - see: {do: [], output: {as: '{out: ., seen: ($context | del(.with, .n))}'}}
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {out: {m: 2}, seen: {before: 1, after: {n: 2}, raw: {n: 2}}}
    """

  Scenario: A task that is skipped or fails has no after
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - log: {extend: all, after: [{note: {set: '${ $task.name }', export: {as: '$context + {log: ($context.log + [$task.name])}'}}}]}
    do:
      - skipped: {if: 'false', set: {x: 1}}
      - careful:
          try: [{fails: {raise: {error: {type: 'https://example.com/no', status: 422}}}}]
          catch: {}
      - see: {do: [], output: {as: $context.log}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [careful, see]
    """

  Scenario: When decides before, on the task's transformed input
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - log: {extend: set, when: . > 1, after: [{note: {set: '${ {} }', export: {as: '{log: ($context.log + [$task.name])}'}}}]}
    do:
      - one: {input: {from: '1'}, set: {n: 5}}
      - two: {input: {from: '2'}, set: {n: 0}}
      - see: {do: [], output: {as: $context.log}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [two]
    """

  Scenario: An exit before stands in for the output of the task
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - mock: {extend: set, before: [{stand-in: {set: {n: 7}, then: exit}}], after: [{never: {raise: {error: {type: 'https://example.com/no', status: 500}}}}]}
    do: [{one: {set: {n: 1}, output: {as: '{m: .n}'}, export: {as: .}}}]
    output: {as: '[., $context]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{m: 7}, {m: 7}]
    """

  Scenario: An error in an extension is caught around the task
    Given a workflow with definition:
    """yaml
    use:
      extensions:
        - guard: {extend: call, before: [{no: {raise: {error: {type: 'https://example.com/no', status: 422}}}}]}
    do:
      - careful:
          try: [{pay: {call: own-plain}}]
          catch: {errors: {with: {status: 422}}, do: [{told: {set: {caught: true}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  Scenario: Tasks in functions of the document are extended, those from elsewhere are not
    Given a resource '/elsewhere/set.yaml' with content:
    """yaml
    set: {from: elsewhere}
    """
    And a workflow with definition:
    """yaml
    use:
      functions: {here: {set: {from: here}}}
      extensions:
        - log: {extend: set, after: [{note: {set: {x: 1}, export: {as: '{log: ($context.log + [1])}'}}}]}
    do:
      - one: {call: here}
      - two: {call: '{server}/elsewhere/set.yaml'}
      - see: {do: [], output: {as: $context.log}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [1]
    """
