Feature: Many at a time

  Scenario: A task for each item, in order
    Given a workflow with definition:
    """yaml
    use: {functions: {double: {set: {n: '${ .n * 2 }'}, output: {as: .n}}}}
    do:
      - all: {call: map, with: {in: '${ .numbers }', do: double, with: {n: '${ $item }'}}}
    """
    And given the workflow input is:
    """yaml
    numbers: [3, 1, 2]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [6, 2, 4]
    """

  Scenario: Tasks of workers, a few at a time
    Given a workflow with definition:
    """yaml
    do:
      - all: {call: map, with: {in: '[range(12)]', do: simulate, with: {mode: succeed, duration_ms: 20, output: {n: '${ $index }'}}, maxConcurrency: 3}}
      - sum: {set: '${ {count: length, sum: (map(.n) | add)} }'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {count: 12, sum: 66}
    """

  Scenario: Errors are collected
    Given a workflow with definition:
    """yaml
    do:
      - all:
          call: map
          with: {in: [{mode: succeed, output: {x: 1}}, {mode: fatal}], do: simulate, onError: collect}
          output: {as: 'map(if .error then "failed" else .output.x end)'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [1, failed]
    """

  Scenario: The first error is the call's
    Given a workflow with definition:
    """yaml
    use: {functions: {no: {raise: {error: {type: 'https://example.com/no', status: 422}}}}}
    do:
      - all: {call: map, with: {in: '[1, 2, 3]', do: no}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/no
    status: 422
    instance: /do/0/all/with/do
    """

  Scenario: No items
    Given a workflow with definition:
    """yaml
    do:
      - all: {call: map, with: {in: .none, do: simulate}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """

  Scenario: Names of the item and its index, and what a task gets without arguments
    Given a workflow with definition:
    """yaml
    use: {functions: {pair: {set: {pair: '${ . }'}, output: {as: .pair}}}}
    do:
      - named: {call: map, with: {in: '[5, 6]', do: pair, with: {n: '${ $number }', at: '${ $place }'}, as: number, at: place}, export: {as: '{named: .}'}}
      - plain: {call: map, with: {in: [{a: 1}], do: pair}}
      - see: {set: {named: '${ $context.named }', plain: '${ . }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    named: [{n: 5, at: 0}, {n: 6, at: 1}]
    plain: [{a: 1}]
    """

  Scenario: No more than may be run side by side
    Given a workflow with definition:
    """yaml
    do: [{all: {call: map, with: {in: '[range(4)]', do: simulate, with: {mode: succeed, duration_ms: 250}, maxConcurrency: 1}}}]
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at least 1000 milliseconds

  Scenario: More at a time than there may be are refused
    Given a workflow with definition:
    """yaml
    do: [{all: {call: map, with: {in: '[range(4)]', do: simulate, maxConcurrency: 1001}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'out-of-range'

  Scenario: More items than there may be, and what is no array
    Given a workflow with definition:
    """yaml
    do:
      - many:
          try: [{all: {call: map, with: {in: '[range(100001)]', do: simulate}}}]
          catch: {as: error, do: [{told: {set: {many: '${ $error.instance }'}}}]}
      - text:
          try: [{all: {call: map, with: {in: '"text"', do: simulate}}}]
          catch: {as: error, do: [{told: {set: {many: '${ .many }', text: '${ $error.instance }'}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {many: /do/0/many/try/0/all, text: /do/1/text/try/0/all}
    """
