Feature: Lifecycle events

  Scenario: A task is created, starts and completes, and each change of status is told
    Given a workflow with definition:
    """yaml
    do:
      - one: {set: {n: 1}}
    """
    When the workflow is executed
    Then the lifecycle events of the run are:
      | type                    | task      | status    |
      | workflow.started        |           |           |
      | workflow.status-changed |           | running   |
      | task.created            | /do/0/one |           |
      | task.status-changed     | /do/0/one | pending   |
      | task.started            | /do/0/one |           |
      | task.status-changed     | /do/0/one | running   |
      | task.completed          | /do/0/one |           |
      | task.status-changed     | /do/0/one | completed |
      | workflow.completed      |           |           |
      | workflow.status-changed |           | completed |

  Scenario: A worker's task is pending until a worker is at it
    Given a workflow with definition:
    """yaml
    do:
      - work: {call: simulate, with: {mode: succeed, output: 1}}
    """
    When the workflow is executed
    Then the lifecycle events of the run are:
      | type                    | task       | status    |
      | workflow.started        |            |           |
      | workflow.status-changed |            | running   |
      | task.created            | /do/0/work |           |
      | task.status-changed     | /do/0/work | pending   |
      | task.started            | /do/0/work |           |
      | task.status-changed     | /do/0/work | running   |
      | task.completed          | /do/0/work |           |
      | task.status-changed     | /do/0/work | completed |
      | workflow.completed      |            |           |
      | workflow.status-changed |            | completed |

  Scenario: What waits is waiting from its start, and the run with it
    Given a workflow with definition:
    """yaml
    do:
      - pause: {wait: PT0.2S}
    """
    When the workflow is executed
    Then the lifecycle events of the run are:
      | type                    | task        | status    |
      | workflow.started        |             |           |
      | workflow.status-changed |             | running   |
      | task.created            | /do/0/pause |           |
      | task.status-changed     | /do/0/pause | pending   |
      | task.started            | /do/0/pause |           |
      | task.status-changed     | /do/0/pause | waiting   |
      | workflow.status-changed |             | waiting   |
      | task.completed          | /do/0/pause |           |
      | task.status-changed     | /do/0/pause | completed |
      | workflow.completed      |             |           |
      | workflow.status-changed |             | completed |

  Scenario: An error faults every task that it goes through, up to the one that catches it
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - within: {do: [{no: {raise: {error: {type: 'https://own.test/no', status: 500}}}}]}
          catch:
            do: [{told: {set: {caught: true}}}]
    """
    When the workflow is executed
    Then the lifecycle events of the run are:
      | type                    | task                               | status    |
      | workflow.started        |                                    |           |
      | workflow.status-changed |                                    | running   |
      | task.created            | /do/0/careful                      |           |
      | task.status-changed     | /do/0/careful                      | pending   |
      | task.started            | /do/0/careful                      |           |
      | task.status-changed     | /do/0/careful                      | running   |
      | task.created            | /do/0/careful/try/0/within         |           |
      | task.status-changed     | /do/0/careful/try/0/within         | pending   |
      | task.started            | /do/0/careful/try/0/within         |           |
      | task.status-changed     | /do/0/careful/try/0/within         | running   |
      | task.created            | /do/0/careful/try/0/within/do/0/no |           |
      | task.status-changed     | /do/0/careful/try/0/within/do/0/no | pending   |
      | task.started            | /do/0/careful/try/0/within/do/0/no |           |
      | task.status-changed     | /do/0/careful/try/0/within/do/0/no | running   |
      | task.faulted            | /do/0/careful/try/0/within/do/0/no |           |
      | task.status-changed     | /do/0/careful/try/0/within/do/0/no | faulted   |
      | task.faulted            | /do/0/careful/try/0/within         |           |
      | task.status-changed     | /do/0/careful/try/0/within         | faulted   |
      | task.created            | /do/0/careful/catch/do/0/told      |           |
      | task.status-changed     | /do/0/careful/catch/do/0/told      | pending   |
      | task.started            | /do/0/careful/catch/do/0/told      |           |
      | task.status-changed     | /do/0/careful/catch/do/0/told      | running   |
      | task.completed          | /do/0/careful/catch/do/0/told      |           |
      | task.status-changed     | /do/0/careful/catch/do/0/told      | completed |
      | task.completed          | /do/0/careful                      |           |
      | task.status-changed     | /do/0/careful                      | completed |
      | workflow.completed      |                                    |           |
      | workflow.status-changed |                                    | completed |

  Scenario: A failed attempt faults the task, and a retry makes it pending again
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - work:
                call: simulate
                with: {mode: fail}
                metadata: {kintsugi: {retry: {initial_interval: 100ms, maximum_attempts: 2}}}
          catch: {}
    """
    When the workflow is executed
    Then the lifecycle events of the run are:
      | type                    | task                     | status    |
      | workflow.started        |                          |           |
      | workflow.status-changed |                          | running   |
      | task.created            | /do/0/careful            |           |
      | task.status-changed     | /do/0/careful            | pending   |
      | task.started            | /do/0/careful            |           |
      | task.status-changed     | /do/0/careful            | running   |
      | task.created            | /do/0/careful/try/0/work |           |
      | task.status-changed     | /do/0/careful/try/0/work | pending   |
      | task.started            | /do/0/careful/try/0/work |           |
      | task.status-changed     | /do/0/careful/try/0/work | running   |
      | task.faulted            | /do/0/careful/try/0/work |           |
      | task.status-changed     | /do/0/careful/try/0/work | faulted   |
      | task.retried            | /do/0/careful/try/0/work |           |
      | task.status-changed     | /do/0/careful/try/0/work | pending   |
      | task.started            | /do/0/careful/try/0/work |           |
      | task.status-changed     | /do/0/careful/try/0/work | running   |
      | task.faulted            | /do/0/careful/try/0/work |           |
      | task.status-changed     | /do/0/careful/try/0/work | faulted   |
      | task.completed          | /do/0/careful            |           |
      | task.status-changed     | /do/0/careful            | completed |
      | workflow.completed      |                          |           |
      | workflow.status-changed |                          | completed |

  Scenario: A task whose if does not hold is never created
    Given a workflow with definition:
    """yaml
    do:
      - one: {if: '${ false }', set: {n: 1}}
    """
    When the workflow is executed
    Then the lifecycle events of the run are:
      | type                    | task | status    |
      | workflow.started        |      |           |
      | workflow.status-changed |      | running   |
      | workflow.completed      |      |           |
      | workflow.status-changed |      | completed |

  Scenario: then end completes what is around it
    Given a workflow with definition:
    """yaml
    do:
      - outer: {do: [{last: {set: {n: 1}, then: end}}]}
      - never: {set: {n: 2}}
    """
    When the workflow is executed
    Then the lifecycle events of the run are:
      | type                    | task                  | status    |
      | workflow.started        |                       |           |
      | workflow.status-changed |                       | running   |
      | task.created            | /do/0/outer           |           |
      | task.status-changed     | /do/0/outer           | pending   |
      | task.started            | /do/0/outer           |           |
      | task.status-changed     | /do/0/outer           | running   |
      | task.created            | /do/0/outer/do/0/last |           |
      | task.status-changed     | /do/0/outer/do/0/last | pending   |
      | task.started            | /do/0/outer/do/0/last |           |
      | task.status-changed     | /do/0/outer/do/0/last | running   |
      | task.completed          | /do/0/outer/do/0/last |           |
      | task.status-changed     | /do/0/outer/do/0/last | completed |
      | task.completed          | /do/0/outer           |           |
      | task.status-changed     | /do/0/outer           | completed |
      | workflow.completed      |                       |           |
      | workflow.status-changed |                       | completed |

  Scenario: A task with extensions is created after what comes before it
    Given a workflow with definition:
    """yaml
    use: {extensions: [{log: {extend: set, before: [{note: {set: {noted: true}}}]}}]}
    do:
      - one: {set: {n: 1}}
    """
    When the workflow is executed
    Then the lifecycle events of the run are:
      | type                    | task                                   | status    |
      | workflow.started        |                                        |           |
      | workflow.status-changed |                                        | running   |
      | task.created            | /do/0/one/extensions/log/before/0/note |           |
      | task.status-changed     | /do/0/one/extensions/log/before/0/note | pending   |
      | task.started            | /do/0/one/extensions/log/before/0/note |           |
      | task.status-changed     | /do/0/one/extensions/log/before/0/note | running   |
      | task.completed          | /do/0/one/extensions/log/before/0/note |           |
      | task.status-changed     | /do/0/one/extensions/log/before/0/note | completed |
      | task.created            | /do/0/one                              |           |
      | task.status-changed     | /do/0/one                              | pending   |
      | task.started            | /do/0/one                              |           |
      | task.status-changed     | /do/0/one                              | running   |
      | task.completed          | /do/0/one                              |           |
      | task.status-changed     | /do/0/one                              | completed |
      | workflow.completed      |                                        |           |
      | workflow.status-changed |                                        | completed |

  Scenario: What is open when a run is cancelled is cancelled before it
    Given a workflow with definition:
    """yaml
    do:
      - outer: {do: [{heard: {listen: {to: {one: {with: {type: test.never.heard}}}}}}]}
    """
    When the workflow is started
    And the workflow listens
    And the workflow is cancelled
    And the workflow has ended
    Then the lifecycle events of the run are:
      | type                            | task                   | status    |
      | workflow.started                |                        |           |
      | workflow.status-changed         |                        | running   |
      | task.created                    | /do/0/outer            |           |
      | task.status-changed             | /do/0/outer            | pending   |
      | task.started                    | /do/0/outer            |           |
      | task.status-changed             | /do/0/outer            | running   |
      | task.created                    | /do/0/outer/do/0/heard |           |
      | task.status-changed             | /do/0/outer/do/0/heard | pending   |
      | task.started                    | /do/0/outer/do/0/heard |           |
      | task.status-changed             | /do/0/outer/do/0/heard | waiting   |
      | workflow.correlation-started    | /do/0/outer/do/0/heard |           |
      | workflow.status-changed         |                        | waiting   |
      | workflow.correlation-completed  | /do/0/outer/do/0/heard |           |
      | task.cancelled                  | /do/0/outer/do/0/heard |           |
      | task.status-changed             | /do/0/outer/do/0/heard | cancelled |
      | task.cancelled                  | /do/0/outer            |           |
      | task.status-changed             | /do/0/outer            | cancelled |
      | workflow.cancelled              |                        |           |
      | workflow.status-changed         |                        | cancelled |
