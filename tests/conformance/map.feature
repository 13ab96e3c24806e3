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
