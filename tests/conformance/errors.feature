Feature: Errors

  Scenario: A filter matches the types of the other families
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{get: {call: http, with: {method: get, endpoint: '{server}/status/404'}}}]
          catch:
            errors: {with: {type: 'https://serverlessworkflow.io/dsl/errors/types/communication', status: 404}}
            do: [{note: {set: {type: '${ $error.type }', at: '${ $error.instance }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    at: /do/0/careful/try/0/get
    """

  Scenario: Retries come first, then the handler, once
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{get: {call: http, with: {method: get, endpoint: '{server}/flaky/9/handled'}}}]
          catch:
            retry: {delay: {milliseconds: 10}, limit: {attempt: {count: 2}}}
            do: [{note: {set: {status: '${ $error.status }'}}}]
            then: last
      - never: {set: {x: 1}}
      - last: {set: '${ . + {last: true} }'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 503
    last: true
    """
    And '/flaky/9/handled' should have been asked for 3 times

  Scenario: Retries exhausted without a handler let the error go on
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{get: {call: http, with: {method: get, endpoint: '{server}/flaky/9/passed'}}}]
          catch: {retry: {delay: {milliseconds: 10}, limit: {attempt: {count: 1}}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 503
    """
    And '/flaky/9/passed' should have been asked for 2 times

  Scenario: A retry that succeeds is all that there is
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{get: {call: http, with: {method: get, endpoint: '{server}/flaky/2/mended'}, output: {as: '{mended: (.before >= 2)}'}}}]
          catch: {retry: {delay: {milliseconds: 10}, backoff: {linear: {}}, limit: {attempt: {count: 5}}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    mended: true
    """

  Scenario: An error that no filter takes goes on
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{break: {raise: {error: {type: 'https://example.com/e', status: 409, title: Taken}}}}]
          catch: {errors: {with: {status: 404}}, do: [{no: {set: {x: 1}}}]}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/e
    status: 409
    title: Taken
    instance: /do/0/careful/try/0/break
    """

  Scenario: Conditions decide what is caught
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{break: {raise: {error: {type: 'https://example.com/e', status: 409}}}}]
          catch: {as: problem, when: $problem.status == 409, exceptWhen: $problem.title == "x", do: [{ok: {set: {caught: '${ $problem.status }'}}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: 409
    """

  Scenario: An error of use is raised by its name
    Given a workflow with definition:
    """yaml
    use: {errors: {taken: {type: 'https://example.com/taken', status: 409, detail: '${ "no \(.id)" }'}}}
    do:
      - break: {raise: {error: taken}}
    """
    And given the workflow input is:
    """yaml
    id: 7
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/taken
    status: 409
    detail: no 7
    """

  Scenario: A caught error can be raised again
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{break: {raise: {error: {type: 'https://example.com/e', status: 418}}}}]
          catch: {do: [{again: {raise: {error: {type: '${ $error.type }', status: '${ $error.status }'}}}}]}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/e
    status: 418
    instance: /do/0/careful/catch/do/0/again
    """

  Scenario: An expression that fails is an expression error
    Given a workflow with definition:
    """yaml
    do:
      - add: {set: {x: '${ .a + 1 }'}}
    """
    And given the workflow input is:
    """yaml
    a: text
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    status: 400
    instance: /do/0/add
    """

  Scenario: No retry begins after the limit on time
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try: [{get: {call: http, with: {method: get, endpoint: '{server}/flaky/9/late'}}}]
          catch: {retry: {delay: {seconds: 2}, limit: {duration: {seconds: 1}}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 503
    """
    And '/flaky/9/late' should have been asked for 1 times
