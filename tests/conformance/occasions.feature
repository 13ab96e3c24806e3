Feature: Events that start runs

  Scenario: Each event that fits starts a run with what is read of it
    Given a workflow with definition:
    """yaml
    schedule: {on: {one: {with: {type: feature.one, data: '${ .n > 1 }'}}}}
    do: [{a: {set: {got: '${ . }'}}}]
    """
    When the definition is registered
    And an event is published:
    """yaml
    {id: '1', source: /f, type: feature.one, data: {n: 1}}
    """
    And an event is published:
    """yaml
    {id: '2', source: /f, type: feature.one, data: {n: 2}}
    """
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    got: [{n: 2}]
    """

  Scenario: An event that fits several filters starts one run, and so does a repeat
    Given a workflow with definition:
    """yaml
    schedule: {on: {any: [{with: {type: feature.any}}, {with: {source: /any}}]}, read: raw}
    do: [{a: {set: {got: '${ . }'}}}]
    """
    When the definition is registered
    And an event is published:
    """yaml
    {id: '1', source: /any, type: feature.any, data: {n: 1}}
    """
    And an event is published:
    """yaml
    {id: '1', source: /any, type: feature.any, data: {n: 1}}
    """
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    got: ['{"n":1}']
    """

  Scenario: A set starts a run when it is complete, in the order in which its events came
    Given a workflow with definition:
    """yaml
    schedule: {on: {all: [{with: {type: feature.a}}, {with: {type: feature.b}}]}}
    do: [{a: {set: {got: '${ . }'}}}]
    """
    When the definition is registered
    And an event is published:
    """yaml
    {id: '1', source: /all, type: feature.b, data: first}
    """
    And an event is published:
    """yaml
    {id: '2', source: /all, type: feature.b, data: alone}
    """
    And an event is published:
    """yaml
    {id: '3', source: /all, type: feature.a, data: last}
    """
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    got: [first, last]
    """

  Scenario: Events of a set have one value
    Given a workflow with definition:
    """yaml
    schedule:
      on:
        all:
          - {with: {type: feature.paid}, correlate: {of: {from: .data.of}}}
          - {with: {type: feature.packed}, correlate: {of: {from: .data.of}}}
    do: [{a: {set: {got: '${ map(.of) }'}}}]
    """
    When the definition is registered
    And an event is published:
    """yaml
    {id: '1', source: /of, type: feature.paid, data: {of: x}}
    """
    And an event is published:
    """yaml
    {id: '2', source: /of, type: feature.packed, data: {of: y}}
    """
    And an event is published:
    """yaml
    {id: '3', source: /of, type: feature.packed, data: {of: x}}
    """
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    got: [x, x]
    """

  Scenario: Until has no place in what starts runs
    Given a workflow with definition:
    """yaml
    schedule: {on: {any: [{with: {type: x}}], until: '${ length > 2 }'}}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'

  Scenario: There is no run yet whose variables a filter could name
    Given a workflow with definition:
    """yaml
    schedule: {on: {one: {with: {type: x, data: '${ $workflow.input }'}}}}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-variable'

  Scenario: What emits what starts it is warned of
    Given a workflow with definition:
    """yaml
    schedule: {on: {one: {with: {type: feature.again}}}}
    do: [{a: {emit: {event: {with: {type: feature.again}}}}}]
    """
    When the definition is registered
    Then the definition should be warned of with 'starts-itself'
