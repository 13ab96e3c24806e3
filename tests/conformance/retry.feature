Feature: Retries

  Scenario: A constant back-off waits as long each time
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{sub: {raise: {error: {type: 'https://own.test/no', status: 500}}}}]
          catch:
            retry: {delay: PT0.2S, backoff: {constant: {}}, limit: {attempt: {count: 2}}}
            do: [{told: {set: {tried: in vain}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tried: in vain
    """
    And the workflow should take at least 400 ms

  Scenario: A linear back-off waits n times as long
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{sub: {raise: {error: {type: 'https://own.test/no', status: 500}}}}]
          catch:
            retry: {delay: PT0.1S, backoff: {linear: {}}, limit: {attempt: {count: 3}}}
            do: [{told: {set: {tried: in vain}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tried: in vain
    """
    And the workflow should take at least 600 ms

  Scenario: An exponential back-off has a factor
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{sub: {raise: {error: {type: 'https://own.test/no', status: 500}}}}]
          catch:
            retry: {delay: PT0.1S, backoff: {exponential: {factor: 3}}, limit: {attempt: {count: 2}}}
            do: [{told: {set: {tried: in vain}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tried: in vain
    """
    And the workflow should take at least 400 ms

  Scenario: Without a factor it is two
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{sub: {raise: {error: {type: 'https://own.test/no', status: 500}}}}]
          catch:
            retry: {delay: PT0.1S, backoff: {exponential: {}}, limit: {attempt: {count: 3}}}
            do: [{told: {set: {tried: in vain}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tried: in vain
    """
    And the workflow should take at least 700 ms

  Scenario: Without a delay it is a second
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{sub: {raise: {error: {type: 'https://own.test/no', status: 500}}}}]
          catch:
            retry: {backoff: {constant: {}}, limit: {attempt: {count: 1}}}
            do: [{told: {set: {tried: in vain}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tried: in vain
    """
    And the workflow should take at least 1000 ms

  Scenario: Jitter is added to the delay
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{sub: {raise: {error: {type: 'https://own.test/no', status: 500}}}}]
          catch:
            retry: {delay: PT0.2S, backoff: {constant: {}}, jitter: {from: PT0.2S, to: PT0.3S}, limit: {attempt: {count: 1}}}
            do: [{told: {set: {tried: in vain}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tried: in vain
    """
    And the workflow should take at least 400 ms

  Scenario: The count is of retries: five are six attempts
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{sub: {call: http, with: {method: get, endpoint: '{server}/flaky/90/counted'}}}]
          catch:
            retry: {delay: PT0.02S, backoff: {constant: {}}, limit: {attempt: {count: 5}}}
            do: [{told: {set: {tried: in vain}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tried: in vain
    """
    And '/flaky/90/counted' should have been asked for 6 times

  Scenario: Without any limit there are ten attempts
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{sub: {call: http, with: {method: get, endpoint: '{server}/flaky/90/unlimited'}}}]
          catch:
            retry: {delay: PT0.02S, backoff: {constant: {}}}
            do: [{told: {set: {tried: in vain}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tried: in vain
    """
    And '/flaky/90/unlimited' should have been asked for 10 times

  Scenario: A filter of errors that is an expression is refused
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{no: {raise: {error: {type: 'https://own.test/no', status: 500, title: T}}}}]
          catch: {errors: {with: {title: '${ "T" }'}}, do: [{told: {set: {caught: true}}}]}
    """
    When the definition is registered
    Then the definition should be refused with 'type'
