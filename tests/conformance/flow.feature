Feature: Flow

  Scenario: A then goes back
    Given a workflow with definition:
    """yaml
    do:
      - count: {set: {n: '${ .n + 1 }'}}
      - more: {switch: [{again: {when: .n < 5, then: count}}]}
      - done: {set: {counted: '${ .n }'}}
    """
    And given the workflow input is:
    """yaml
    n: 0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    counted: 5
    """

  Scenario: A skipped task gives its input and does not follow its then
    Given a workflow with definition:
    """yaml
    do:
      - never: {if: .absent, set: {x: 1}, then: end}
      - after: {set: {saw: '${ . }'}}
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    saw: {a: 1}
    """

  Scenario: An exit ends the list that it stands in
    Given a workflow with definition:
    """yaml
    do:
      - outer:
          do:
            - leave: {set: {v: 1}, then: exit}
            - never: {set: {v: 2}}
      - after: {set: {after: '${ .v }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: 1
    """

  Scenario: An end ends the run
    Given a workflow with definition:
    """yaml
    do:
      - outer: {do: [{stop: {set: {v: 1}, then: end}}]}
      - never: {set: {v: 2}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    v: 1
    """

  Scenario: A then names a task of the same list
    Given a workflow with definition:
    """yaml
    do:
      - a: {do: [{b: {set: {x: 1}, then: c}}]}
      - c: {set: {x: 2}}
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-target'

  Scenario: Two tasks of a list have two names
    Given a workflow with definition:
    """yaml
    do:
      - a: {set: {x: 1}}
      - a: {set: {x: 2}}
    """
    When the definition is registered
    Then the definition should be refused with 'duplicate-name'

  Scenario: The default of a switch is tried last, wherever it stands
    Given a workflow with definition:
    """yaml
    do:
      - choose: {switch: [{other: {then: b}}, {big: {when: .n > 5, then: a}}]}
      - a: {set: {took: a}, then: end}
      - b: {set: {took: b}}
    """
    And given the workflow input is:
    """yaml
    n: 9
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    took: a
    """

  Scenario: A switch has one default
    Given a workflow with definition:
    """yaml
    do:
      - choose: {switch: [{one: {then: end}}, {two: {then: exit}}]}
    """
    When the definition is registered
    Then the definition should be refused with 'duplicate-default'

  Scenario: A wait lasts as long as it says
    Given a workflow with definition:
    """yaml
    do:
      - pause: {wait: {milliseconds: 300}}
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
    And the workflow should take at least 300 ms

  Scenario: Years and months have no length
    Given a workflow with definition:
    """yaml
    do:
      - pause: {wait: P1Y}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-duration'

  Scenario: A timeout interrupts the task
    Given a workflow with definition:
    """yaml
    do:
      - slow: {timeout: {after: {milliseconds: 100}}, do: [{pause: {wait: PT1H}}]}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/slow
    """
