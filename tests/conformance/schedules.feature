Feature: Schedules

  Scenario: A rhythm begins an interval after the registration, and each due time has one run
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: rhythm, version: '1.0.0', metadata: {kintsugi: {schedule: {overlap: allow, catch_up: all, input: {from: schedule}}}}}
    schedule: {every: PT1S}
    do: [{a: {set: {got: '${ .from }'}}}]
    """
    When the definition is registered
    Then the schedule of 'own/rhythm' should have started at least 3 runs
    When the schedule of 'own/rhythm' is paused
    Then the schedule of 'own/rhythm' should come to have:
    """yaml
    {trigger: every, interval_ms: 1000, paused: true, skipped: 0}
    """
    And the runs of 'own/rhythm:1.0.0' should be as many as its schedule started
    And a run of 'own/rhythm:1.0.0' should have ended as 'completed'

  Scenario: The first run of a rhythm is an interval away
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: rhythm-slow, version: '1.0.0'}
    schedule: {every: {hours: 1}}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    And 2 seconds pass
    Then the schedule of 'own/rhythm-slow' should come to have:
    """yaml
    {interval_ms: 3600000, started: 0, skipped: 0}
    """

  Scenario: The input of a schedule is that of each run
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: given, version: '1.0.0', metadata: {kintsugi: {schedule: {input: {from: schedule}}}}}
    schedule: {after: PT1H}
    do: [{a: {set: {got: '${ .from }'}}}]
    """
    When the definition is registered
    Then 1 runs should be started
    And the workflow should complete with output:
    """yaml
    got: schedule
    """

  Scenario: After begins at once, and counts from the end of the run before
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: after, version: '1.0.0'}
    schedule: {after: PT1S}
    do: [{a: {wait: PT0.3S}}]
    """
    When the definition is registered
    Then the schedule of 'own/after' should have started at least 3 runs
    When the schedule of 'own/after' is paused
    Then each run of 'own/after:1.0.0' should begin at least 1000 milliseconds after the end of the one before

  Scenario: After goes on however a run ended
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: after-fault, version: '1.0.0'}
    schedule: {after: PT1S}
    do: [{no: {raise: {error: {type: 'https://own.test/no', status: 500}}}}]
    """
    When the definition is registered
    Then the schedule of 'own/after-fault' should have started at least 2 runs
    When the schedule of 'own/after-fault' is paused
    Then a run of 'own/after-fault:1.0.0' should have ended as 'faulted'

  Scenario: A cron expression has names, ranges, lists and steps
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: cron, version: '1.0.0'}
    schedule: {cron: '5,35 9-17/9 31 JAN-JAN *'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the schedule of 'own/cron' should come to have:
    """yaml
    {trigger: cron, time_zone: UTC, next_at: '*-01-31T09:05:00*'}
    """

  Scenario: The last day of a month
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: cron-last, version: '1.0.0'}
    schedule: {cron: '0 0 L 4 *'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the schedule of 'own/cron-last' should come to have:
    """yaml
    {next_at: '*-04-30T00:00:00*'}
    """

  Scenario: Cron is read in its time zone
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: cron-zone, version: '1.0.0', metadata: {kintsugi: {schedule: {time_zone: Asia/Tokyo}}}}
    schedule: {cron: '0 3 * * *'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the schedule of 'own/cron-zone' should come to have:
    """yaml
    {time_zone: Asia/Tokyo, next_at: '*T18:00:00*'}
    """

  Scenario: A time that the clock leaves out comes as much later
    # At 02:00 on the last Sunday of March it is 03:00 in Berlin, an hour ahead of UTC until then.
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: clock-ahead, version: '1.0.0', metadata: {kintsugi: {schedule: {time_zone: Europe/Berlin}}}}
    schedule: {cron: '30 2 * 3 SUNL'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the schedule of 'own/clock-ahead' should come to have:
    """yaml
    {next_at: '*T01:30:00*'}
    """

  Scenario: Of a time that comes twice, the first counts
    # At 03:00 on the last Sunday of October it is 02:00 in Berlin, two hours ahead of UTC until then.
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: clock-back, version: '1.0.0', metadata: {kintsugi: {schedule: {time_zone: Europe/Berlin}}}}
    schedule: {cron: '30 2 * 10 SUNL'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the schedule of 'own/clock-back' should come to have:
    """yaml
    {next_at: '*T00:30:00*'}
    """

  Scenario: Jitter is added to a due time
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: jitter, version: '1.0.0', metadata: {kintsugi: {schedule: {jitter: 9s}}}}
    schedule: {cron: '0 12 29 2 *'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the schedule of 'own/jitter' should come to have:
    """yaml
    {jitter_ms: 9000, next_at: '*-02-29T12:00:0*'}
    """

  Scenario: A jitter of more than a day is refused
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: jitter-long, version: '1.0.0', metadata: {kintsugi: {schedule: {jitter: 2d}}}}
    schedule: {cron: '0 12 29 2 *'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'out-of-range'

  Scenario: While a run is open, a due time is skipped
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: overlap-skip, version: '1.0.0'}
    schedule: {every: PT1S}
    do: [{long: {wait: PT1.6S}}]
    """
    When the definition is registered
    Then the schedule of 'own/overlap-skip' should have started at least 2 runs
    When the schedule of 'own/overlap-skip' is paused
    Then each run of 'own/overlap-skip:1.0.0' should begin at least 0 milliseconds after the end of the one before
    And the schedule of 'own/overlap-skip' should come to have:
    """yaml
    {overlap: skip, catch_up: once, last_skipped: '*'}
    """

  Scenario: One due time is kept until the run before has ended
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: overlap-buffer, version: '1.0.0', metadata: {kintsugi: {schedule: {overlap: buffer}}}}
    schedule: {every: PT1S}
    do: [{long: {wait: PT1.6S}}]
    """
    When the definition is registered
    Then the schedule of 'own/overlap-buffer' should have started at least 3 runs
    When the schedule of 'own/overlap-buffer' is paused
    Then each run of 'own/overlap-buffer:1.0.0' should begin at least 0 milliseconds after the end of the one before

  Scenario: The run before is cancelled
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: overlap-cancel, version: '1.0.0', metadata: {kintsugi: {schedule: {overlap: cancel}}}}
    schedule: {every: PT1S}
    do: [{long: {wait: PT5S}}]
    """
    When the definition is registered
    Then the schedule of 'own/overlap-cancel' should have started at least 2 runs
    When the schedule of 'own/overlap-cancel' is paused
    Then a run of 'own/overlap-cancel:1.0.0' should have ended as 'cancelled'

  Scenario: All due times that passed need runs beside each other
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: catch-up, version: '1.0.0', metadata: {kintsugi: {schedule: {catch_up: all}}}}
    schedule: {every: PT1S}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'contradiction'

  Scenario: A pause stays over versions, and its due times are not counted
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: pauses, version: '1.0.0', metadata: {kintsugi: {schedule: {paused: true}}}}
    schedule: {every: PT1S}
    do: [{a: {set: {v: 1}}}]
    """
    And another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: pauses, version: '1.1.0'}
    schedule: {every: PT1S}
    do: [{a: {set: {v: 2}}}]
    """
    When 2 seconds pass
    Then the schedule of 'own/pauses' should come to have:
    """yaml
    {definition: 'own/pauses:1.1.0', paused: true, started: 0, skipped: 0}
    """
    When the schedule of 'own/pauses' is resumed
    Then the schedule of 'own/pauses' should have started at least 1 runs
    When the schedule of 'own/pauses' is paused
    Then a run of 'own/pauses:1.1.0' should have ended as 'completed'

  Scenario: A newer version takes the place of an older one, whichever is registered last
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: moves, version: '1.1.0'}
    schedule: {every: PT1H}
    do: [{a: {set: {v: 2}}}]
    """
    And another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: moves, version: '1.0.0'}
    schedule: {after: PT1H}
    do: [{a: {set: {v: 1}}}]
    """
    Then the schedule of 'own/moves' should come to have:
    """yaml
    {definition: 'own/moves:1.1.0', trigger: every, started: 0}
    """

  Scenario: A newer version without a schedule ends it
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: ends, version: '1.0.0'}
    schedule: {every: PT1S}
    do: [{a: {set: {v: 1}}}]
    """
    And another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: ends, version: '1.1.0'}
    do: [{a: {set: {v: 2}}}]
    """
    Then the schedule of 'own/ends' should be gone

  Scenario: Retiring a version stops it, and no lower one takes over
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: retires, version: '1.0.0'}
    schedule: {every: PT1H}
    do: [{a: {set: {v: 1}}}]
    """
    And another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: retires, version: '1.1.0'}
    schedule: {every: PT1H}
    do: [{a: {set: {v: 2}}}]
    """
    When the definition 'own/retires:1.1.0' is retired
    Then the schedule of 'own/retires' should be gone
