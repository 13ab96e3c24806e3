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

  Scenario: Events count from the registration to the retiring, and not in a pause
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: counts-from, version: '1.0.0'}
    schedule: {on: {one: {with: {type: feature.from}}}}
    do: [{a: {set: {got: '${ . }'}}}]
    """
    When an event is published:
    """yaml
    {id: '1', source: /from, type: feature.from, data: before}
    """
    And what was published has been taken
    And the definition is registered
    And the schedule of 'own/counts-from' is paused
    And an event is published:
    """yaml
    {id: '2', source: /from, type: feature.from, data: paused}
    """
    And what was published has been taken
    And the schedule of 'own/counts-from' is resumed
    And an event is published:
    """yaml
    {id: '3', source: /from, type: feature.from, data: counts}
    """
    And what was published has been taken
    And the definition 'own/counts-from:1.0.0' is retired
    And an event is published:
    """yaml
    {id: '4', source: /from, type: feature.from, data: retired}
    """
    And what was published has been taken
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    got: [counts]
    """

  Scenario: Sets that are open stay over a pause
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: open-paused, version: '1.0.0'}
    schedule: {on: {all: [{with: {type: feature.open.a}}, {with: {type: feature.open.b}}]}}
    do: [{a: {set: {got: '${ . }'}}}]
    """
    When the definition is registered
    And an event is published:
    """yaml
    {id: '1', source: /open, type: feature.open.a, data: a}
    """
    Then the schedule of 'own/open-paused' should come to have:
    """yaml
    {open_sets: 1}
    """
    When the schedule of 'own/open-paused' is paused
    And the schedule of 'own/open-paused' is resumed
    And an event is published:
    """yaml
    {id: '2', source: /open, type: feature.open.b, data: b}
    """
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    got: [a, b]
    """

  Scenario: A newer version that waits for the same goes on with the open sets
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: sets-go-on, version: '1.0.0'}
    schedule: {on: {all: [{with: {type: feature.on.a}}, {with: {type: feature.on.b}}]}}
    do: [{a: {set: {v: 1, got: '${ . }'}}}]
    """
    And a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: sets-go-on, version: '1.1.0'}
    schedule: {on: {all: [{with: {type: feature.on.a}}, {with: {type: feature.on.b}}]}}
    do: [{a: {set: {v: 2, got: '${ . }'}}}]
    """
    When an event is published:
    """yaml
    {id: '1', source: /on, type: feature.on.a, data: a}
    """
    And what was published has been taken
    And the definition is registered
    And an event is published:
    """yaml
    {id: '2', source: /on, type: feature.on.b, data: b}
    """
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    {v: 2, got: [a, b]}
    """

  Scenario: A newer version that waits for something else gives the open sets up
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: sets-given-up, version: '1.0.0'}
    schedule: {on: {all: [{with: {type: feature.up.a}}, {with: {type: feature.up.b}}]}}
    do: [{a: {set: {v: 1}}}]
    """
    And a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: sets-given-up, version: '1.1.0'}
    schedule: {on: {all: [{with: {type: feature.up.a}}, {with: {type: feature.up.b}}]}, read: envelope}
    do: [{a: {set: {got: '${ map(.data) }'}}}]
    """
    When an event is published:
    """yaml
    {id: '1', source: /up, type: feature.up.a, data: a1}
    """
    And what was published has been taken
    And the definition is registered
    And an event is published:
    """yaml
    {id: '2', source: /up, type: feature.up.b, data: b}
    """
    Then the schedule of 'own/sets-given-up' should come to have:
    """yaml
    {definition: 'own/sets-given-up:1.1.0', started: 0, open_sets: 1, skipped: 1, last_skipped: given_up}
    """
    When an event is published:
    """yaml
    {id: '3', source: /up, type: feature.up.a, data: a2}
    """
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    got: [b, a2]
    """

  Scenario: Of more sets than may be open, the oldest is given up
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: sets-many, version: '1.0.0'}
    schedule:
      on:
        all:
          - {with: {type: feature.many.a}, correlate: {of: {from: .data.of}}}
          - {with: {type: feature.many.b}, correlate: {of: {from: .data.of}}}
    do: [{a: {set: {got: '${ map(.of) }'}}}]
    """
    When the definition is registered
    And an event is published:
    """yaml
    {id: oldest, source: /many, type: feature.many.a, data: {of: oldest}}
    """
    And what was published has been taken
    And 1000 events are published:
    """yaml
    {id: '{n}', source: /many, type: feature.many.a, data: {of: {n}}}
    """
    Then the schedule of 'own/sets-many' should come to have:
    """yaml
    {started: 0, open_sets: 1000, skipped: 1, last_skipped: given_up}
    """
    When an event is published:
    """yaml
    {id: too-late, source: /many, type: feature.many.b, data: {of: oldest}}
    """
    And an event is published:
    """yaml
    {id: in-time, source: /many, type: feature.many.b, data: {of: 999}}
    """
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    got: [999, 999]
    """
