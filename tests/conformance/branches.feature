Feature: Branches and loops

  Scenario: A fork gives its outputs in the order of declaration
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - slow: {do: [{pause: {wait: {milliseconds: 150}}}, {done: {set: {v: slow}}}]}
              - fast: {set: {v: fast}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - {v: slow}
    - {v: fast}
    """

  Scenario: A branch that faults faults the fork
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - long: {wait: PT1H}
              - bad: {raise: {error: {type: 'https://example.com/e', status: 500}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/e
    instance: /do/0/both/fork/branches/1/bad
    """

  Scenario: The first branch that succeeds wins
    Given a workflow with definition:
    """yaml
    do:
      - race:
          fork:
            compete: true
            branches:
              - bad: {raise: {error: {type: 'https://example.com/e', status: 500}}}
              - long: {wait: PT1H}
              - good: {do: [{pause: {wait: {milliseconds: 50}}}, {done: {set: {v: good}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    v: good
    """

  Scenario: A race that all lose faults
    Given a workflow with definition:
    """yaml
    do:
      - race:
          fork:
            compete: true
            branches:
              - one: {raise: {error: {type: 'https://example.com/1', status: 500}}}
              - two: {raise: {error: {type: 'https://example.com/2', status: 500}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/2
    """

  Scenario: Exported contexts of branches are merged when they join
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - a: {set: {x: 1}, export: {as: '$context + {a: 1}'}}
              - b: {set: {x: 2}, export: {as: '$context + {b: 2}'}}
      - see: {set: '${ $context }'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    b: 2
    """

  Scenario: An end in a branch ends the run
    Given a workflow with definition:
    """yaml
    do:
      - both: {fork: {branches: [{long: {wait: PT1H}}, {stop: {set: {v: 1}, then: end}}]}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    v: 1
    """

  Scenario: An exit in a loop ends the iteration, not the loop
    Given a workflow with definition:
    """yaml
    do:
      - each:
          for: {in: .items}
          do:
            - odd: {if: '$item % 2 == 1', set: {items: '${ .items }', n: '${ .n }'}, then: exit}
            - add: {set: {items: '${ .items }', n: '${ .n + $item }'}}
    """
    And given the workflow input is:
    """yaml
    items: [1, 2, 3, 4]
    n: 0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    items: [1, 2, 3, 4]
    n: 6
    """

  Scenario: While is asked before each iteration
    Given a workflow with definition:
    """yaml
    do:
      - each:
          for: {each: x, in: '[1, 2, 3, 4]', at: i}
          while: .sum < 3
          do:
            - add: {set: {sum: '${ .sum + $x }', last: '${ $i }'}}
    """
    And given the workflow input is:
    """yaml
    sum: 0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 3
    last: 1
    """

  Scenario: Null is no iteration
    Given a workflow with definition:
    """yaml
    do:
      - each: {for: {in: .absent}, do: [{never: {set: {x: 1}}}]}
    """
    And given the workflow input is:
    """yaml
    kept: true
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    kept: true
    """

  Scenario: Only an array is looped over
    Given a workflow with definition:
    """yaml
    do:
      - each: {for: {in: .x}, do: []}
    """
    And given the workflow input is:
    """yaml
    x: {a: 1}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    instance: /do/0/each
    """

  Scenario: An inline array holds objects
    Given a workflow with definition:
    """yaml
    do:
      - each:
          for: {each: color, in: [{name: red}, {name: blue}]}
          do: [{add: {set: {seen: '${ (.seen // []) + [$color.name] }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [red, blue]
    """
