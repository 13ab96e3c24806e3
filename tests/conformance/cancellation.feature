Feature: Tidying up

  Scenario: A run that is asked to end undoes what it did, and then is cancelled
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: told-of-the-end, version: '1.0.0'}
    do: [{noted: {set: {why: '${ . }'}}}]
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: own
      name: tidies-up
      version: '1.0.0'
      metadata:
        kintsugi:
          on_cancel:
            do:
              - undo: {call: compensate}
              - tell: {run: {workflow: {namespace: own, name: told-of-the-end, version: '1.0.0', input: '${ [.[].output] }'}}}
    do:
      - pay: {call: simulate, with: {mode: succeed, output: {id: p1}}, metadata: {kintsugi: {compensate: {call: simulate, with: {mode: succeed, output: '${ "no " + .id }'}}}}}
      - hear: {listen: {to: {one: {with: {type: own.unheard}}}}}
    """
    When the workflow is started
    And the workflow listens
    And the workflow is cancelled
    And the workflow has ended
    Then the workflow should cancel
    And the run of 'own/told-of-the-end:1.0.0' should be 'completed'

  Scenario: An attempt that is out may bring its result, and nothing follows from it
    Given another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: counted, version: '1.0.0'}
    do:
      - check: {if: '${ .count > 1 }', raise: {error: {type: 'https://example.com/count', status: 400}}}
    """
    And another definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: beside-the-attempt, version: '1.0.0'}
    do: [{long: {wait: PT1H}}]
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: own
      name: lets-finish
      version: '1.0.0'
      metadata:
        kintsugi:
          on_cancel:
            grace: 60s
            do:
              - undo: {call: compensate}
              - tell: {run: {workflow: {namespace: own, name: counted, version: '1.0.0', input: '${ {count: length} }'}}}
    do:
      - both:
          fork:
            branches:
              - sub: {run: {workflow: {namespace: own, name: beside-the-attempt, version: '1.0.0'}}}
              - pay:
                  do:
                    - out: {call: simulate, with: {mode: succeed, duration_ms: 5000, output: {id: p1}}, metadata: {kintsugi: {compensate: {call: simulate, with: {mode: succeed, output: '${ "no " + .id }'}}}}}
                    - on: {raise: {error: {type: 'https://example.com/followed', status: 500}}}
    """
    When the workflow is started
    And a run of 'own/beside-the-attempt:1.0.0' is there
    And the workflow is cancelled
    And the workflow has ended
    Then the workflow should cancel
    And the run of 'own/counted:1.0.0' should be 'completed'

  Scenario: Tidying up that fails is an error of the run
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: own
      name: cannot-tidy-up
      version: '1.0.0'
      metadata:
        kintsugi:
          on_cancel:
            do:
              - no: {raise: {error: {type: 'https://example.com/no', status: 409}}}
    do: [{hear: {listen: {to: {one: {with: {type: own.unheard}}}}}}]
    """
    When the workflow is started
    And the workflow listens
    And the workflow is cancelled
    And the workflow has ended
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/no
    status: 409
    instance: /document/metadata/kintsugi/on_cancel/do/0/no
    """

  Scenario: Tidying up is bounded
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: own
      name: tidies-for-ever
      version: '1.0.0'
      metadata:
        kintsugi:
          on_cancel:
            timeout: 1s
            do: [{long: {wait: PT1H}}]
    do: [{hear: {listen: {to: {one: {with: {type: own.unheard}}}}}}]
    """
    When the workflow is started
    And the workflow listens
    And the workflow is cancelled
    And the workflow has ended
    Then the workflow should fault with error:
    """yaml
    type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout
    status: 408
    """
