Feature: Undoing

  Scenario: What a try did is undone, the last first
    Given a workflow with definition:
    """yaml
    do:
      - trip:
          try:
            - flight: {call: simulate, with: {mode: succeed, output: {id: f1}}, metadata: {kintsugi: {compensate: {call: simulate, with: {mode: succeed, output: '${ "no " + .id }'}}}}}
            - hotel: {call: simulate, with: {mode: succeed, output: {id: h1}}, metadata: {kintsugi: {compensate: {call: simulate, with: {mode: succeed, output: '${ "no " + .id }'}}}}}
            - pay: {call: simulate, with: {mode: fatal}}
          catch:
            do:
              - undo: {call: compensate}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - {task: /do/0/trip/try/1/hotel, output: no h1}
    - {task: /do/0/trip/try/0/flight, output: no f1}
    """

  Scenario: Outside of a handler, everything is undone
    Given a workflow with definition:
    """yaml
    use: {functions: {undo: {set: '${ . }', output: {as: .n}}}}
    do:
      - one: {set: {n: 1}, metadata: {kintsugi: {compensate: {call: undo}}}}
      - two: {do: [{three: {set: {n: 3}, metadata: {kintsugi: {compensate: {call: undo}}}}}]}
      - all: {call: compensate, output: {as: 'map(.output)'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [3, 1]
    """

  Scenario: Undoing that fails is an error that says where
    Given a workflow with definition:
    """yaml
    use: {functions: {no: {raise: {error: {type: 'https://example.com/no', status: 409}}}}}
    do:
      - one: {set: {n: 1}, metadata: {kintsugi: {compensate: {call: no}}}}
      - all: {call: compensate}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/no
    status: 409
    instance: /do/0/one/metadata/kintsugi/compensate/call
    """

  Scenario: Nothing to undo
    Given a workflow with definition:
    """yaml
    do: [{all: {call: compensate}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """

  Scenario: What undoes a task is a function or a task type
    Given a workflow with definition:
    """yaml
    do: [{one: {set: {n: 1}, metadata: {kintsugi: {compensate: {call: http}}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-name'

  Scenario: What undoes a task gets what was evaluated when the task had completed
    Given a workflow with definition:
    """yaml
    do:
      - one:
          set: {n: 1}
          metadata: {kintsugi: {compensate: {call: own-plain, with: {gives: '${ .n }', fails: 1}, metadata: {kintsugi: {retry: {initial_interval: 20ms}}}}}}
      - two: {set: {n: 2}}
      - all: {call: compensate}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{task: /do/0/one, output: 1}]
    """

  Scenario: What is undone is not undone again, and what failed can be
    Given a workflow with definition:
    """yaml
    use:
      functions:
        undo: {do: [{once: {if: '$context.mended | not', raise: {error: {type: 'https://example.com/no', status: 409}}}}, {done: {set: {undone: true}}}], output: {as: .undone}}
        fine: {set: {fine: true}, output: {as: .fine}}
    do:
      - one: {set: {n: 1}, metadata: {kintsugi: {compensate: {call: undo}}}}
      - two: {set: {n: 2}, metadata: {kintsugi: {compensate: {call: fine}}}}
      - careful:
          try: [{all: {call: compensate}}]
          catch: {do: [{mend: {set: {x: 1}, export: {as: '{mended: true}'}}}]}
      - again: {call: compensate, output: {as: 'map(.task)'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [/do/0/one]
    """
