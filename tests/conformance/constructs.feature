Feature: Constructs

  Scenario: Tasks run one after the other
    Given a workflow with definition:
    """yaml
    do:
      - one: {set: {n: 1}}
      - two: {set: {n: '${ .n + 1 }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 2
    """

  Scenario: Tasks within tasks give their last output
    Given a workflow with definition:
    """yaml
    do:
      - all:
          do:
            - one: {set: {n: 1}}
            - two: {set: {n: '${ .n * 10 }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 10
    """

  Scenario: An empty list gives its input
    Given a workflow with definition:
    """yaml
    do:
      - all: {do: []}
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 1
    """

  Scenario: The input of a task is transformed
    Given a workflow with definition:
    """yaml
    do:
      - only: {input: {from: .a}, set: {got: '${ . }'}}
    """
    And given the workflow input is:
    """yaml
    a: {b: 1}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: {b: 1}
    """

  Scenario: The output of a task is transformed
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {a: {b: 1}}, output: {as: .a}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    b: 1
    """

  Scenario: The output of a workflow is transformed
    Given a workflow with definition:
    """yaml
    output: {as: '{all: .}'}
    do:
      - only: {set: {a: 1}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    all: {a: 1}
    """

  Scenario: An output has constants beside expressions
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {a: 1}, output: {as: {kind: fixed, a: '${ .a }'}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    kind: fixed
    a: 1
    """

  Scenario: The output of a task must match its schema
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {a: x}, output: {schema: {document: {type: object, properties: {a: {type: integer}}}}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    instance: /do/0/only
    """

  Scenario: The input of a task must match its schema
    Given a workflow with definition:
    """yaml
    do:
      - only: {input: {schema: {document: {required: [b]}}}, set: {a: 1}}
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    instance: /do/0/only
    """

  Scenario: What is exported must match its schema
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {a: 1}, export: {as: '${ {a: "x"} }', schema: {document: {properties: {a: {type: integer}}}}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    instance: /do/0/only
    """

  Scenario: A schema of draft 4 is read as such
    Given a workflow with definition:
    """yaml
    input: {schema: {format: 'json:draft-04', document: {properties: {a: {minimum: 1, exclusiveMinimum: true}}}}}
    do:
      - only: {set: {a: 1}}
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    """

  Scenario: An export sees what was exported before
    Given a workflow with definition:
    """yaml
    do:
      - one: {set: {a: 1}, export: {as: '${ $context + {a: .a} }'}}
      - two: {set: {b: 2}, export: {as: '${ $context + {b: .b} }'}}
      - three: {set: '${ $context }'}
    """
    And given the workflow input is:
    """yaml
    z: 0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    b: 2
    z: 0
    """

  Scenario: A task whose condition holds is run
    Given a workflow with definition:
    """yaml
    do:
      - only: {if: .go, set: {ran: true}}
    """
    And given the workflow input is:
    """yaml
    go: true
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ran: true
    """

  Scenario: A task whose condition does not hold is skipped
    Given a workflow with definition:
    """yaml
    do:
      - only: {if: .go, set: {ran: true}}
    """
    And given the workflow input is:
    """yaml
    go: false
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    go: false
    """

  Scenario: A condition holds unless it is false or null
    Given a workflow with definition:
    """yaml
    do:
      - only: {if: .go, set: {ran: true}}
    """
    And given the workflow input is:
    """yaml
    go: 'yes'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ran: true
    """

  Scenario: A switch takes the first case that holds
    Given a workflow with definition:
    """yaml
    do:
      - choose:
          switch:
            - big: {when: .n > 10, then: large}
            - small: {when: .n > 1, then: little}
      - large: {set: {size: large}, then: end}
      - little: {set: {size: little}, then: end}
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    size: little
    """

  Scenario: A switch without a case that holds goes on
    Given a workflow with definition:
    """yaml
    do:
      - choose: {switch: [{big: {when: .n > 10, then: end}}]}
      - next: {set: {next: true}}
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    next: true
    """

  Scenario: A case may end the run
    Given a workflow with definition:
    """yaml
    do:
      - choose: {switch: [{big: {when: .n > 1, then: end}}]}
      - never: {set: {next: true}}
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 5
    """

  Scenario: A case may exit its list
    Given a workflow with definition:
    """yaml
    do:
      - all:
          do:
            - choose: {switch: [{big: {when: .n > 1, then: exit}}]}
            - never: {set: {n: 0}}
      - after: {set: {n: '${ .n + 1 }'}}
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 6
    """

  Scenario: A then skips what stands between
    Given a workflow with definition:
    """yaml
    do:
      - one: {set: {n: 1}, then: three}
      - two: {set: {n: 2}}
      - three: {set: {n: '${ .n * 10 }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 10
    """

  Scenario: A then of continue goes on
    Given a workflow with definition:
    """yaml
    do:
      - one: {set: {n: 1}, then: continue}
      - two: {set: {n: '${ .n + 1 }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 2
    """

  Scenario: A loop goes over an array
    Given a workflow with definition:
    """yaml
    do:
      - each:
          for: {in: .list}
          do: [{add: {set: {list: [], sum: '${ (.sum // 0) + $item }'}}}]
    """
    And given the workflow input is:
    """yaml
    list: [1, 2, 3]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    list: []
    sum: 6
    """

  Scenario: A loop's variables have names of their own
    Given a workflow with definition:
    """yaml
    do:
      - each:
          for: {each: x, in: .list, at: i}
          do: [{add: {set: {s: '${ (.s // []) + [[$i, $x]] }'}}}]
    """
    And given the workflow input is:
    """yaml
    list: [a, b]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    s: [[0, a], [1, b]]
    """

  Scenario: An empty array is no iteration
    Given a workflow with definition:
    """yaml
    do:
      - each:
          for: {in: .list}
          do: [{never: {set: {x: 1}}}]
    """
    And given the workflow input is:
    """yaml
    list: []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    list: []
    """

  Scenario: A loop within a loop sees both items
    Given a workflow with definition:
    """yaml
    do:
      - outer:
          for: {each: x, in: '[1, 2]'}
          do:
            - inner:
                for: {each: y, in: '[10, 20]'}
                do: [{add: {set: {s: '${ (.s // []) + [$x + $y] }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    s: [11, 21, 12, 22]
    """

  Scenario: An end in a loop ends the run
    Given a workflow with definition:
    """yaml
    do:
      - each:
          for: {in: '[1, 2]'}
          do: [{stop: {set: {n: '${ $item }'}, then: end}}]
      - never: {set: {n: 9}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 1
    """

  Scenario: A fork of one branch gives one output
    Given a workflow with definition:
    """yaml
    do:
      - all: {fork: {branches: [{only: {set: {x: 1}}}]}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - {x: 1}
    """

  Scenario: Branches begin with the input of the fork
    Given a workflow with definition:
    """yaml
    do:
      - all:
          fork:
            branches:
              - left: {set: {l: '${ .n }'}}
              - right: {set: {r: '${ .n + 1 }'}}
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - {l: 1}
    - {r: 2}
    """

  Scenario: A fork within a fork
    Given a workflow with definition:
    """yaml
    do:
      - all:
          fork:
            branches:
              - left: {fork: {branches: [{a: {set: {x: 1}}}, {b: {set: {x: 2}}}]}}
              - right: {set: {x: 3}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - [{x: 1}, {x: 2}]
    - {x: 3}
    """

  Scenario: An exit in a branch ends the branch
    Given a workflow with definition:
    """yaml
    do:
      - all:
          fork:
            branches:
              - left: {do: [{a: {set: {x: 1}, then: exit}}, {never: {set: {x: 9}}}]}
              - right: {set: {x: 2}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - {x: 1}
    - {x: 2}
    """

  Scenario: A raised error faults the run with all that it says
    Given a workflow with definition:
    """yaml
    do:
      - only: {raise: {error: {type: 'https://example.com/broken', status: 418, title: Broken, detail: In two}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/broken
    status: 418
    title: Broken
    detail: In two
    instance: /do/0/only
    """

  Scenario: The detail of an error may be an expression
    Given a workflow with definition:
    """yaml
    do:
      - only: {raise: {error: {type: 'https://example.com/broken', status: 400, detail: '${ .why }'}}}
    """
    And given the workflow input is:
    """yaml
    why: rain
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    detail: rain
    """

  Scenario: A try whose tasks go well gives their output
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{a: {set: {x: 1}}}]
          catch: {do: [{never: {set: {x: 9}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    x: 1
    """

  Scenario: A caught error without a handler is forgotten
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
          catch: {}
      - after: {set: {after: true}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: true
    """

  Scenario: A caught error has the name that is given
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
          catch: {as: e, do: [{note: {set: {s: '${ $e.status }'}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    s: 400
    """

  Scenario: A filter of a status that does not fit lets the error go on
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
          catch: {errors: {with: {status: 500}}, do: []}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 400
    """

  Scenario: A filter of an instance takes one task's errors
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
          catch: {errors: {with: {instance: /do/0/careful/try/0/a}}, do: [{note: {set: {caught: true}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  Scenario: What is excepted is not caught
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
          catch: {exceptWhen: $error.status == 400, do: []}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 400
    """

  Scenario: An error of a handler goes on
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
          catch: {do: [{again: {raise: {error: {type: 'https://example.com/worse', status: 500}}}}]}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/worse
    instance: /do/0/careful/catch/do/0/again
    """

  Scenario: The inner of two handlers takes the error
    Given a workflow with definition:
    """yaml
    do:
      - outer:
          try:
            - inner:
                try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
                catch: {do: [{note: {set: {by: inner}}}]}
          catch: {do: [{note: {set: {by: outer}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    by: inner
    """

  Scenario: The outer of two handlers takes what the inner leaves
    Given a workflow with definition:
    """yaml
    do:
      - outer:
          try:
            - inner:
                try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
                catch: {errors: {with: {status: 500}}, do: []}
          catch: {do: [{note: {set: {by: outer}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    by: outer
    """

  Scenario: A handler may say where to go on
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
          catch: {then: last}
      - never: {set: {never: true}}
      - last: {set: {last: true}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    last: true
    """

  Scenario: A retry of use is named
    Given a workflow with definition:
    """yaml
    use: {retries: {twice: {delay: {milliseconds: 10}, limit: {attempt: {count: 2}}}}}
    do:
      - careful:
          try: [{a: {raise: {error: {type: 'https://example.com/broken', status: 400}}}}]
          catch: {retry: twice, do: [{note: {set: {caught: true}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  Scenario: A wait may be as long as an expression says
    Given a workflow with definition:
    """yaml
    do:
      - pause: {wait: '${ {milliseconds: .ms} }'}
      - after: {set: {after: true}}
    """
    And given the workflow input is:
    """yaml
    ms: 20
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: true
    """

  Scenario: A wait may be written as ISO 8601
    Given a workflow with definition:
    """yaml
    do:
      - pause: {wait: PT0.02S}
      - after: {set: {after: true}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: true
    """

  Scenario: A wait gives its input
    Given a workflow with definition:
    """yaml
    do:
      - pause: {wait: {milliseconds: 10}}
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 1
    """

  Scenario: A timeout of use is named
    Given a workflow with definition:
    """yaml
    use: {timeouts: {short: {after: {milliseconds: 50}}}}
    do:
      - pause: {wait: {minutes: 5}, timeout: short}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/pause
    """

  Scenario: A timeout of the workflow ends the run
    Given a workflow with definition:
    """yaml
    timeout: {after: {milliseconds: 50}}
    do:
      - pause: {wait: {minutes: 5}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    """

  Scenario: A timeout can be caught
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{pause: {wait: {minutes: 5}, timeout: {after: {milliseconds: 50}}}}]
          catch: {errors: {with: {status: 408}}, do: [{note: {set: {late: true}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    late: true
    """

  Scenario: A timeout of a list interrupts what is in it
    Given a workflow with definition:
    """yaml
    do:
      - all:
          do: [{pause: {wait: {minutes: 5}}}]
          timeout: {after: {milliseconds: 50}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 408
    instance: /do/0/all
    """

  Scenario: A set of one expression replaces everything
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: '${ .a }'}
    """
    And given the workflow input is:
    """yaml
    a: {b: 1}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    b: 1
    """

  Scenario: A set evaluates deep inside of objects and arrays
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {a: [{b: '${ .n }'}]}}
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: [{b: 1}]
    """

  Scenario: The definition is known to expressions
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {name: '${ $task.name }', runtime: '${ $runtime.name | type }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    name: only
    runtime: string
    """

  Scenario: An emitted event is the output
    Given a workflow with definition:
    """yaml
    do:
      - tell:
          emit: {event: {with: {id: e1, source: /shop, type: com.example.told, data: {n: '${ .n }'}}}}
          output: {as: '${ {id, source, type, data} }'}
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    id: e1
    source: /shop
    type: com.example.told
    data: {n: 1}
    """

  Scenario: An attribute of an event that is null is left out
    Given a workflow with definition:
    """yaml
    do:
      - tell:
          emit: {event: {with: {source: /shop, type: com.example.told, subject: '${ .absent }'}}}
          output: {as: '${ {has: has("subject")} }'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    has: false
    """

  Scenario: A worker's task gives its output
    Given a workflow with definition:
    """yaml
    do:
      - work: {call: simulate, with: {mode: succeed, output: {made: 1}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    made: 1
    """

  Scenario: A worker's task that fails for good faults the run
    Given a workflow with definition:
    """yaml
    do:
      - work: {call: simulate, with: {mode: fatal}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    instance: /do/0/work
    """

  Scenario: A worker's task is tried again
    Given a workflow with definition:
    """yaml
    do:
      - work:
          call: simulate
          with: {mode: fail_times, times: 2, output: {made: 1}}
          metadata: {kintsugi: {retry: {initial_interval: 10ms, maximum_attempts: 3}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    made: 1
    """
