Feature: Runs that start runs

  Scenario: The output of a workflow that is awaited is the task's
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-adds, version: '1.0.0'}
    do: [{add: {set: {n: '${ .n + 1 }'}}}]
    """
    And a workflow with definition:
    """yaml
    do: [{sub: {run: {workflow: {namespace: own, name: child-adds, version: '1.0.0', input: {n: '${ .n + 1 }'}}}}}]
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 3}
    """

  Scenario: Without an input the child gets the input of the task
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-echoes, version: '1.0.0'}
    do: [{all: {set: '${ . }'}}]
    """
    And a workflow with definition:
    """yaml
    do: [{sub: {run: {workflow: {namespace: own, name: child-echoes, version: '1.0.0'}}}}]
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 1}
    """

  Scenario: Where nobody waits, the output is the input
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-alone, version: '1.0.0'}
    do: [{all: {set: '${ . }'}}]
    """
    And a workflow with definition:
    """yaml
    do: [{sub: {run: {await: false, workflow: {namespace: own, name: child-alone, version: '1.0.0', input: {n: 5}}}}}]
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 1}
    """
    And the run of 'own/child-alone:1.0.0' should be 'completed'

  Scenario: A child that faults is an error of the task with the child's type and status
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-fails, version: '1.0.0'}
    do: [{no: {raise: {error: {type: 'https://own.test/full', status: 409}}}}]
    """
    And a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub: {run: {workflow: {namespace: own, name: child-fails, version: '1.0.0'}}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }', at: '${ $error.instance }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: full, status: 409, at: /do/0/careful/try/0/sub}
    """

  Scenario: A definition that is not there is an error when the task runs
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub: {run: {workflow: {namespace: own, name: child-missing, version: '1.0.0'}}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }', at: '${ $error.instance }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: configuration, status: 400, at: /do/0/careful/try/0/sub}
    """

  Scenario: Latest is the highest version when the child is started
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-newest, version: '1.0.0'}
    do: [{v: {set: {v: 1}}}]
    """
    And another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-newest, version: '1.10.0'}
    do: [{v: {set: {v: 2}}}]
    """
    And another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-newest, version: '1.9.0'}
    do: [{v: {set: {v: 3}}}]
    """
    And a workflow with definition:
    """yaml
    do: [{sub: {run: {workflow: {namespace: own, name: child-newest, version: latest}}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {v: 2}
    """

  Scenario: A definition runs itself
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: runs-itself, version: '1.0.0'}
    do: [{deeper: {if: .n > 0, run: {workflow: {namespace: own, name: runs-itself, version: '1.0.0', input: {n: '${ .n - 1 }'}}}}}]
    """
    And given the workflow input is:
    """yaml
    n: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 0}
    """

  Scenario: A timeout cancels the child that is waited for
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-waits, version: '1.0.0'}
    do: [{long: {wait: PT1H}}]
    """
    And a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub: {run: {workflow: {namespace: own, name: child-waits, version: '1.0.0'}}, timeout: {after: PT0.3S}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }', at: '${ $error.instance }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: timeout, status: 408, at: /do/0/careful/try/0/sub}
    """
    And the run of 'own/child-waits:1.0.0' should be 'cancelled'

  Scenario: A run that is cancelled cancels its child
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-of-cancelled, version: '1.0.0'}
    do: [{long: {wait: PT1H}}]
    """
    And a workflow with definition:
    """yaml
    do: [{sub: {run: {workflow: {namespace: own, name: child-of-cancelled, version: '1.0.0'}}}}]
    """
    When the workflow is started
    And a run of 'own/child-of-cancelled:1.0.0' is there
    And the workflow is cancelled
    And the workflow has ended
    Then the workflow should cancel
    And the run of 'own/child-of-cancelled:1.0.0' should be 'cancelled'

  Scenario: The loser of a race is cancelled
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-that-loses, version: '1.0.0'}
    do: [{long: {wait: PT1H}}]
    """
    And a workflow with definition:
    """yaml
    do:
      - race:
          fork:
            compete: true
            branches:
              - sub: {run: {workflow: {namespace: own, name: child-that-loses, version: '1.0.0'}}}
              - quick: {wait: PT0.3S, output: {as: '"quick"'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    quick
    """
    And the run of 'own/child-that-loses:1.0.0' should be 'cancelled'

  Scenario: Without a version it is the latest
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-unversioned, version: '1.0.0'}
    do: [{v: {set: {v: 1}}}]
    """
    And a workflow with definition:
    """yaml
    do: [{sub: {run: {workflow: {namespace: own, name: child-unversioned}}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {v: 1}
    """

  Scenario: A definition runs itself no deeper than it may
    # The engine of these features has 6 for `orchestrator.depth_max`.
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: runs-itself-deep, version: '1.0.0'}
    do:
      - careful:
          try:
            - deeper: {run: {workflow: {namespace: own, name: runs-itself-deep, version: '1.0.0', input: {n: '${ .n + 1 }'}}}}
          catch:
            as: error
            do: [{told: {set: {n: '${ .n }', type: '${ $error.type | split("/") | last }'}}}]
    """
    And given the workflow input is:
    """yaml
    n: 0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 6, type: runtime}
    """

  Scenario: A run starts no more runs than it may
    # The engine of these features has 40 for `orchestrator.children_max`: 10,000 would take too long.
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-of-many, version: '1.0.0'}
    do: [{v: {set: {v: 1}}}]
    """
    And a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - each: {for: {in: '[range(41)]', at: nth}, do: [{sub: {run: {await: false, workflow: {namespace: own, name: child-of-many}}, export: {as: '{n: ($nth + 1)}'}}}]}
          catch:
            as: error
            do: [{told: {set: {n: '${ $context.n }', type: '${ $error.type | split("/") | last }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 40, type: runtime}
    """

  Scenario: A redrive of a child takes up its parent, too
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-redriven, version: '1.0.0'}
    do: [{work: {call: simulate, metadata: {kintsugi: {retry: {maximum_attempts: 1}}}}}]
    """
    And a workflow with definition:
    """yaml
    do: [{sub: {run: {workflow: {namespace: own, name: child-redriven, input: {mode: fail}}}}}]
    """
    When the workflow is executed
    Then the workflow should fault
    When the dead letter of 'own/child-redriven:1.0.0' is redriven with:
    """yaml
    {mode: succeed, output: mended}
    """
    And the workflow has completed
    Then the workflow should complete with output:
    """yaml
    mended
    """

  Scenario: A parent that handled the error of its child hears no more of it
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child-handled, version: '1.0.0'}
    do: [{work: {call: simulate, metadata: {kintsugi: {retry: {maximum_attempts: 1}}}}}]
    """
    And a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{sub: {run: {workflow: {namespace: own, name: child-handled, input: {mode: fail}}}}}]
          catch: {do: [{told: {set: {handled: true}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {handled: true}
    """
    When the dead letter of 'own/child-handled:1.0.0' is redriven with:
    """yaml
    {mode: succeed, output: mended}
    """
    Then the run of 'own/child-handled:1.0.0' should be 'completed'
    When the workflow has ended
    Then the workflow should complete with output:
    """yaml
    {handled: true}
    """
