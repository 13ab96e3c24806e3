Feature: Tasks for workers

  Scenario: A task is of the type that is called, and without arguments it gets the input
    Given a workflow with definition:
    """yaml
    do:
      - plain: {call: own-plain}
      - told: {call: own-plain, with: {gives: '${ . + 1 }'}}
    """
    And given the workflow input is:
    """yaml
    gives: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    2
    """

  Scenario: A queue that nobody takes from is waited for
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{away: {call: own-plain, metadata: {kintsugi: {queue: own-nobodys}}, timeout: {after: PT0.5S}}}]
          catch: {errors: {with: {status: 408}}, do: [{told: {set: {late: true}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    late: true
    """

  Scenario: Delays grow linearly from the first one
    Given a workflow with definition:
    """yaml
    do: [{work: {call: own-plain, with: {fails: 2, gives: 1}, metadata: {kintsugi: {retry: {initial_interval: 200ms, backoff: linear}}}}}]
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at least 600 milliseconds

  Scenario: Delays are the same where that is said
    Given a workflow with definition:
    """yaml
    do: [{work: {call: own-plain, with: {fails: 4, gives: 1}, metadata: {kintsugi: {retry: {initial_interval: 100ms, backoff: constant}}}}}]
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at least 400 milliseconds

  Scenario: Delays grow by a coefficient
    Given a workflow with definition:
    """yaml
    do: [{work: {call: own-plain, with: {fails: 2, gives: 1}, metadata: {kintsugi: {retry: {initial_interval: 100ms, backoff_coefficient: 8}}}}}]
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at least 900 milliseconds

  Scenario: No delay is longer than the longest
    Given a workflow with definition:
    """yaml
    do: [{work: {call: own-plain, with: {fails: 4, gives: 1}, timeout: {after: PT30S}, metadata: {kintsugi: {retry: {initial_interval: 100ms, backoff_coefficient: 1000, maximum_interval: 200ms}}}}}]
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at least 700 milliseconds

  Scenario: Jitter is added to the delay of a worker's task
    Given a workflow with definition:
    """yaml
    do: [{work: {call: own-plain, with: {fails: 1, gives: 1}, metadata: {kintsugi: {retry: {initial_interval: 400ms, jitter: 1}}}}}]
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at least 400 milliseconds

  Scenario: Jitter is at most the whole of the delay
    Given a workflow with definition:
    """yaml
    do: [{work: {call: own-plain, metadata: {kintsugi: {retry: {jitter: 1.5}}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'out-of-range'

  Scenario: Attempts are counted with the first
    Given a workflow with definition:
    """yaml
    do:
      - enough: {call: own-plain, with: {fails: 2, gives: 1}, metadata: {kintsugi: {retry: {initial_interval: 20ms, maximum_attempts: 3}}}}
      - careful:
          try: [{few: {call: own-plain, with: {fails: 3, gives: 1}, metadata: {kintsugi: {retry: {initial_interval: 20ms, maximum_attempts: 3}}}}}]
          catch: {do: [{told: {set: {few: true}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    few: true
    """

  Scenario: Unless it is said, there are five attempts
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: five-attempts, version: '1.0.0', metadata: {kintsugi: {retry: {initial_interval: 20ms}}}}
    do:
      - enough: {call: own-plain, with: {fails: 4, gives: 1}}
      - few: {call: own-plain, with: {fails: 5, gives: 1}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    instance: /do/1/few
    """

  Scenario: No retry begins after the whole time for retries
    Given a workflow with definition:
    """yaml
    do: [{work: {call: own-plain, with: {fails: 1000}, metadata: {kintsugi: {retry: {initial_interval: 200ms, backoff: constant, maximum_attempts: 1000, total: 1s}}}}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    instance: /do/0/work
    """

  Scenario: An attempt takes no longer than it may
    Given a workflow with definition:
    """yaml
    do: [{work: {call: simulate, with: {mode: succeed, duration_ms: 60000}, metadata: {kintsugi: {start_to_close: 300ms, retry: {maximum_attempts: 1}}}}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout', instance: /do/0/work}
    """

  Scenario: An attempt that does not tell of its progress has failed
    Given a workflow with definition:
    """yaml
    do: [{work: {call: simulate, with: {mode: succeed, duration_ms: 60000}, metadata: {kintsugi: {lease: 300ms, retry: {maximum_attempts: 1}}}}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout', instance: /do/0/work}
    """

  Scenario: No more are given out at a time than may be, over all tasks with one key
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - one: {call: simulate, with: {mode: succeed, duration_ms: 300}, metadata: {kintsugi: {concurrency: {limit: 1, key: '${ .key }'}}}}
              - two: {call: simulate, with: {mode: succeed, duration_ms: 300}, metadata: {kintsugi: {concurrency: {limit: 1, key: own-one}}}}
              - three: {call: simulate, with: {mode: succeed, duration_ms: 300}, metadata: {kintsugi: {concurrency: {limit: 1, key: own-one}}}}
    """
    And given the workflow input is:
    """yaml
    key: own-one
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at least 900 milliseconds

  Scenario: Of those that wait, the highest priority goes first
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - holds: {call: simulate, with: {mode: succeed, duration_ms: 800}, metadata: {kintsugi: {concurrency: {limit: 1, key: own-first}}}}
              - waits:
                  do:
                    - a-little: {wait: PT0.2S}
                    - race:
                        fork:
                          compete: true
                          branches:
                            - low: {call: simulate, with: {mode: succeed, output: low, duration_ms: 200}, metadata: {kintsugi: {priority: 1, concurrency: {limit: 1, key: own-first}}}}
                            - high: {call: simulate, with: {mode: succeed, output: high, duration_ms: 200}, metadata: {kintsugi: {priority: 9, concurrency: {limit: 1, key: own-first}}}}
          output: {as: '.[1]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    high
    """

  Scenario: A run whose task is exhausted may wait for a redrive
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: parks, version: '1.0.0'}
    do: [{work: {call: simulate, metadata: {kintsugi: {when_exhausted: park, retry: {maximum_attempts: 1}}}}}]
    """
    And given the workflow input is:
    """yaml
    mode: fail
    """
    When the workflow is started
    And the dead letter of 'own/parks:1.0.0' is redriven with:
    """yaml
    {mode: succeed, output: at last}
    """
    And the workflow has ended
    Then the workflow should complete with output:
    """yaml
    at last
    """

  Scenario: A task's keys go before those of the document, one by one
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: one-by-one, version: '1.0.0', metadata: {kintsugi: {retry: {initial_interval: 20ms, maximum_attempts: 1}}}}
    do:
      - more: {call: own-plain, with: {fails: 2, gives: 1}, metadata: {kintsugi: {retry: {maximum_attempts: 3}}}}
      - once: {call: own-plain, with: {fails: 1, gives: 1}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    instance: /do/1/once
    """

  Scenario: A call in a try with retries is attempted once a round
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{ask: {call: http, with: {method: get, endpoint: '{server}/status/503?rounds'}}}]
          catch: {retry: {delay: PT0.05S, backoff: {constant: {}}, limit: {attempt: {count: 2}}}, do: [{told: {set: {x: 1}}}]}
    """
    When the workflow is executed
    Then the workflow should complete
    And '/status/503?rounds' should have been asked for 3 times
