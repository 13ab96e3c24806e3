Feature: HTTP

  Scenario: Method, headers, query and body are sent
    Given a workflow with definition:
    """yaml
    do:
      - send:
          call: http
          with: {method: post, endpoint: '{server}/echo', headers: {X-One: '${ .h }'}, query: {q: '${ .q }'}, body: {b: '${ .b }'}}
          output: {as: '{method, query, body, one: .headers["x-one"]}'}
    """
    And given the workflow input is:
    """yaml
    {h: h, q: a b, b: 1}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {method: POST, query: 'q=a+b', body: {b: 1}, one: h}
    """

  Scenario: An endpoint is a URI template
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: '{server}/status/{code}'}
          output: {as: '"fine"'}
    """
    And given the workflow input is:
    """yaml
    code: 204
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    fine
    """

  Scenario: What is put into a path cannot lead elsewhere
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: http
                with: {method: get, endpoint: '{server}/pets/{id}/x'}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }'}}
    """
    And given the workflow input is:
    """yaml
    id: '..'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: validation, status: 400}
    """

  Scenario: The whole response is an output
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: '{server}/status/201', output: response}
          output: {as: '{statusCode, method: .request.method}'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {statusCode: 201, method: GET}
    """

  Scenario: Raw output is base64
    Given a resource '/raw.txt' with content:
    """yaml
    hello
    """
    And a workflow with definition:
    """yaml
    do: [{get: {call: http, with: {method: get, endpoint: '{server}/raw.txt', output: raw}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    aGVsbG8K
    """

  Scenario: An error of the client is not tried again
    Given a workflow with definition:
    """yaml
    do: [{get: {call: http, with: {method: get, endpoint: '{server}/status/418'}}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: 418, instance: /do/0/get}
    """
    And '/status/418' should have been asked for 1 times

  Scenario: An answer of 503 is tried again
    Given a workflow with definition:
    """yaml
    do: [{get: {call: http, metadata: {kintsugi: {retry: {initial_interval: 10ms}}}, with: {method: get, endpoint: '{server}/flaky/2/http'}, output: {as: '.before >= 2'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  Scenario: A redirect is an error where it is not allowed
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: http
                with: {method: get, endpoint: '{server}/redirect/echo'}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: communication, status: 302}
    """

  Scenario: A redirect is followed where it is allowed
    Given a workflow with definition:
    """yaml
    do: [{get: {call: http, with: {method: get, endpoint: '{server}/redirect/echo', redirect: true}, output: {as: .method}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    GET
    """

  Scenario: A redirect to another origin goes without secrets
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/away', authentication: {bearer: {token: kintsugi-marker-7c1f}}}, redirect: true}
          output: {as: '.headers | has("authorization")'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    false
    """

  Scenario: Basic authentication
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/basic', authentication: {basic: {username: user, password: kintsugi-marker-7c1f}}}}
          output: {as: .user}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    user
    """

  Scenario: A bearer token
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/api', authentication: {bearer: {token: '${ .token }'}}}}
    """
    And given the workflow input is:
    """yaml
    token: some.7
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {token: 7}
    """

  Scenario: Digest authentication
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/digest?q=1', authentication: {digest: {username: user, password: kintsugi-marker-7c1f}}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {digest: true}
    """

  Scenario: A token of OAuth2 by client credentials
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/api', authentication: {oauth2: {authority: '{authority}', grant: client_credentials, client: {id: me, secret: kintsugi-marker-7c1f}}}}}
          output: {as: '.token > 0'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  Scenario: A token of OAuth2 by a password, from an endpoint of its own
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/api', authentication: {oauth2: {authority: '{authority}', grant: password, username: u, password: kintsugi-marker-7c1f, endpoints: {token: /json/token}, request: {encoding: application/json}}}}}
          output: {as: '.token > 0'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  Scenario: A refresh token is the subject
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/api', authentication: {oauth2: {authority: '{authority}', grant: refresh_token, subject: {token: kintsugi-marker-7c1f, type: 'urn:ietf:params:oauth:token-type:refresh_token'}}}}}
          output: {as: '.token > 0'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  Scenario: A token of an OpenID provider, by the endpoint that it tells
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/api', authentication: {oidc: {authority: '{authority}', grant: client_credentials, client: {id: me, secret: kintsugi-marker-7c1f}}}}}
          output: {as: '.token > 0'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  Scenario: A token of another issuer is none
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: http
                with: {method: get, endpoint: {uri: '{authority}/api', authentication: {oauth2: {authority: '{authority}', grant: client_credentials, client: {id: me, secret: kintsugi-marker-7c1f}, issuers: ['https://other.test']}}}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: authentication, status: 401}
    """

  Scenario: A policy that gets no token is an authentication error
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: http
                with: {method: get, endpoint: {uri: '{authority}/api', authentication: {oauth2: {authority: '{authority}', grant: client_credentials, client: {id: me, secret: wrong}}}}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: authentication, status: 401}
    """

  Scenario: A 401 of the service is a communication error
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: http
                with: {method: get, endpoint: {uri: '{authority}/basic', authentication: {basic: {username: user, password: wrong}}}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: communication, status: 401}
    """

  Scenario: A policy of use is named
    Given a workflow with definition:
    """yaml
    use: {authentications: {mine: {basic: {username: user, password: kintsugi-marker-7c1f}}}}
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/basic', authentication: {use: mine}}}
          output: {as: .user}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    user
    """

  Scenario: A secret that the worker does not have is an authorization error
    Given a workflow with definition:
    """yaml
    use: {secrets: [nowhere]}
    do:
      - careful:
          try:
            - sub:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: http
                with: {method: get, endpoint: '{server}/echo', headers: {A: '${ $secrets.nowhere }'}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: authorization, status: 403}
    """

  Scenario: Endpoints of revocation and introspection are warned of
    Given a workflow with definition:
    """yaml
    do:
      - get:
          call: http
          with: {method: get, endpoint: {uri: '{authority}/api', authentication: {oauth2: {authority: '{authority}', grant: client_credentials, client: {id: me, secret: kintsugi-marker-7c1f}, endpoints: {revocation: /r, introspection: /i}}}}}
    """
    When the definition is registered
    Then the definition should be warned of with 'no-effect'

  Scenario: What is no JSON is a text
    Given a resource '/text.txt' with content:
    """yaml
    hello
    """
    And a workflow with definition:
    """yaml
    do: [{get: {call: http, with: {method: get, endpoint: '{server}/text.txt'}, output: {as: 'type'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    string
    """
