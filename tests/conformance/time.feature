Feature: Timeouts and cancellation

  Scenario: The timeout of a worker's task includes its attempts
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub: {call: http, metadata: {kintsugi: {retry: {initial_interval: 50ms, backoff: constant, maximum_attempts: 1000}}}, with: {method: get, endpoint: '{server}/status/503'}, timeout: {after: PT0.5S}}
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

  Scenario: The timeout of a try includes its retries
    Given a workflow with definition:
    """yaml
    do:
      - outer:
          try:
            - sub:
                timeout: {after: PT0.5S}
                try: [{no: {raise: {error: {type: 'https://own.test/no', status: 500}}}}]
                catch: {retry: {delay: PT0.1S, backoff: {constant: {}}, limit: {attempt: {count: 1000}}}}
          catch:
            as: error
            do: [{told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }', at: '${ $error.instance }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: timeout, status: 408, at: /do/0/outer/try/0/sub}
    """

  Scenario: An attempt of a try has a limit of its own
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{long: {wait: PT1H}}]
          catch:
            retry: {delay: PT0.1S, backoff: {constant: {}}, limit: {attempt: {count: 1, duration: PT0.2S}}}
            as: error
            do: [{told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }', at: '${ $error.instance }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: timeout, status: 408, at: /do/0/careful}
    """

  Scenario: The timeout of a fork cancels its branches
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub: {fork: {branches: [{a: {wait: PT1H}}, {b: {wait: PT1H}}]}, timeout: {after: PT0.2S}}
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

  Scenario: The timeout of a loop counts over its iterations
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub: {for: {in: '[range(1000)]'}, do: [{w: {wait: PT0.1S}}], timeout: {after: PT0.5S}}
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

  Scenario: The inner of two timeouts is the inner task's
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub: {do: [{inner: {wait: PT1H, timeout: {after: PT0.2S}}}], timeout: {after: PT1H}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }', at: '${ $error.instance }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: timeout, status: 408, at: /do/0/careful/try/0/sub/do/0/inner}
    """

  Scenario: How long may be an expression
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub: {wait: PT1H, timeout: {after: '${ .after }'}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }', at: '${ $error.instance }'}}
    """
    And given the workflow input is:
    """yaml
    after: PT0.2S
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: timeout, status: 408, at: /do/0/careful/try/0/sub}
    """

  Scenario: A run that waits is cancelled
    Given a workflow with definition:
    """yaml
    do: [{long: {wait: PT1H}}]
    """
    When the workflow is started
    And the workflow is cancelled
    And the workflow has ended
    Then the workflow should cancel

  Scenario: A run that listens is cancelled
    Given a workflow with definition:
    """yaml
    do: [{hear: {listen: {to: {one: {with: {type: own.unheard}}}}}}]
    """
    When the workflow is started
    And the workflow listens
    And the workflow is cancelled
    And the workflow has ended
    Then the workflow should cancel

  Scenario: A cancellation is no error that a try could catch
    Given a workflow with definition:
    """yaml
    do: [{careful: {try: [{long: {wait: PT1H}}], catch: {do: [{told: {set: {caught: true}}}]}}}]
    """
    When the workflow is started
    And the workflow is cancelled
    And the workflow has ended
    Then the workflow should cancel
