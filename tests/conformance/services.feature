Feature: Services that describe themselves

  Scenario: An operation of OpenAPI 3 with a body of properties
    Given a resource '/open3.yaml' with content:
    """yaml
    openapi: 3.0.0
    info: {title: t, version: '1'}
    servers: [{url: '{server}'}]
    paths:
      /echo:
        post: {operationId: add, parameters: [{name: q, in: query}], requestBody: {content: {application/json: {}}}}
        put: {operationId: replace, parameters: [{name: body, in: query}], requestBody: {content: {application/json: {}}}}
      /pet/{id}:
        get: {operationId: find, parameters: [{name: id, in: path, required: true}]}
      /echoes:
        post: {operationId: upload, requestBody: {content: {multipart/form-data: {}}}}
    """
    And a workflow with definition:
    """yaml
    do:
      - ask:
          call: openapi
          with: {document: {endpoint: '{server}/open3.yaml'}, operationId: add, parameters: {q: x, name: '${ .name }', age: 3}}
          output: {as: '{method, query, body}'}
    """
    And given the workflow input is:
    """yaml
    name: Rex
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {method: POST, query: 'q=x', body: {name: Rex, age: 3}}
    """

  Scenario: The parameter body is the whole body
    Given a resource '/open3b.yaml' with content:
    """yaml
    openapi: 3.0.0
    info: {title: t, version: '1'}
    servers: [{url: '{server}'}]
    paths:
      /echo:
        post: {operationId: add, parameters: [{name: q, in: query}], requestBody: {content: {application/json: {}}}}
        put: {operationId: replace, parameters: [{name: body, in: query}], requestBody: {content: {application/json: {}}}}
      /pet/{id}:
        get: {operationId: find, parameters: [{name: id, in: path, required: true}]}
      /echoes:
        post: {operationId: upload, requestBody: {content: {multipart/form-data: {}}}}
    """
    And a workflow with definition:
    """yaml
    do:
      - ask:
          call: openapi
          with: {document: {endpoint: '{server}/open3b.yaml'}, operationId: add, parameters: {body: [1, 2]}}
          output: {as: .body}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [1, 2]
    """

  Scenario: Where body is a parameter, requestBody is the whole body
    Given a resource '/open3c.yaml' with content:
    """yaml
    openapi: 3.0.0
    info: {title: t, version: '1'}
    servers: [{url: '{server}'}]
    paths:
      /echo:
        post: {operationId: add, parameters: [{name: q, in: query}], requestBody: {content: {application/json: {}}}}
        put: {operationId: replace, parameters: [{name: body, in: query}], requestBody: {content: {application/json: {}}}}
      /pet/{id}:
        get: {operationId: find, parameters: [{name: id, in: path, required: true}]}
      /echoes:
        post: {operationId: upload, requestBody: {content: {multipart/form-data: {}}}}
    """
    And a workflow with definition:
    """yaml
    do:
      - ask:
          call: openapi
          with: {document: {endpoint: '{server}/open3c.yaml'}, operationId: replace, parameters: {body: q, requestBody: [1]}}
          output: {as: '[.query, .body]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ['body=q', [1]]
    """

  Scenario: A server that is relative stands beside the document
    Given a resource '/v2/relative.yaml' with content:
    """yaml
    openapi: 3.0.0
    info: {title: t, version: '1'}
    servers: [{url: '/v2'}]
    paths:
      /echo:
        post: {operationId: add, parameters: [{name: q, in: query}], requestBody: {content: {application/json: {}}}}
        put: {operationId: replace, parameters: [{name: body, in: query}], requestBody: {content: {application/json: {}}}}
      /pet/{id}:
        get: {operationId: find, parameters: [{name: id, in: path, required: true}]}
      /echoes:
        post: {operationId: upload, requestBody: {content: {multipart/form-data: {}}}}
    """
    And a workflow with definition:
    """yaml
    do:
      - ask:
          call: openapi
          with: {document: {endpoint: '{server}/v2/relative.yaml'}, operationId: find, parameters: {id: 4}}
          output: {as: .id}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    4
    """

  Scenario: An operation of Swagger 2.0
    Given a workflow with definition:
    """yaml
    do:
      - ask:
          call: openapi
          with: {document: {endpoint: '{server}/v2/swagger.json'}, operationId: getPetById, parameters: {petId: 3}}
          output: {as: .id}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3
    """

  Scenario: An operation that is not there is refused
    Given a resource '/open3d.yaml' with content:
    """yaml
    openapi: 3.0.0
    info: {title: t, version: '1'}
    servers: [{url: '{server}'}]
    paths:
      /echo:
        post: {operationId: add, parameters: [{name: q, in: query}], requestBody: {content: {application/json: {}}}}
        put: {operationId: replace, parameters: [{name: body, in: query}], requestBody: {content: {application/json: {}}}}
      /pet/{id}:
        get: {operationId: find, parameters: [{name: id, in: path, required: true}]}
      /echoes:
        post: {operationId: upload, requestBody: {content: {multipart/form-data: {}}}}
    """
    And a workflow with definition:
    """yaml
    do:
      - ask:
          call: openapi
          with: {document: {endpoint: '{server}/open3d.yaml'}, operationId: nothing, parameters: {}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-resource'

  Scenario: A parameter that is not there is refused
    Given a resource '/open3e.yaml' with content:
    """yaml
    openapi: 3.0.0
    info: {title: t, version: '1'}
    servers: [{url: '{server}'}]
    paths:
      /echo:
        post: {operationId: add, parameters: [{name: q, in: query}], requestBody: {content: {application/json: {}}}}
        put: {operationId: replace, parameters: [{name: body, in: query}], requestBody: {content: {application/json: {}}}}
      /pet/{id}:
        get: {operationId: find, parameters: [{name: id, in: path, required: true}]}
      /echoes:
        post: {operationId: upload, requestBody: {content: {multipart/form-data: {}}}}
    """
    And a workflow with definition:
    """yaml
    do:
      - ask:
          call: openapi
          with: {document: {endpoint: '{server}/open3e.yaml'}, operationId: find, parameters: {id: 1, more: 2}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-parameters'

  Scenario: A form in several parts is refused
    Given a resource '/open3f.yaml' with content:
    """yaml
    openapi: 3.0.0
    info: {title: t, version: '1'}
    servers: [{url: '{server}'}]
    paths:
      /echo:
        post: {operationId: add, parameters: [{name: q, in: query}], requestBody: {content: {application/json: {}}}}
        put: {operationId: replace, parameters: [{name: body, in: query}], requestBody: {content: {application/json: {}}}}
      /pet/{id}:
        get: {operationId: find, parameters: [{name: id, in: path, required: true}]}
      /echoes:
        post: {operationId: upload, requestBody: {content: {multipart/form-data: {}}}}
    """
    And a workflow with definition:
    """yaml
    do:
      - ask:
          call: openapi
          with: {document: {endpoint: '{server}/open3f.yaml'}, operationId: upload, parameters: {}}
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'

  Scenario: What the document says of security is not done
    Given a resource '/open3g.yaml' with content:
    """yaml
    openapi: 3.0.0
    info: {title: t, version: '1'}
    servers: [{url: '{server}'}]
    paths:
      /echo:
        post: {operationId: add, parameters: [{name: q, in: query}], requestBody: {content: {application/json: {}}}}
        put: {operationId: replace, parameters: [{name: body, in: query}], requestBody: {content: {application/json: {}}}}
      /pet/{id}:
        get: {operationId: find, parameters: [{name: id, in: path, required: true}]}
      /echoes:
        post: {operationId: upload, requestBody: {content: {multipart/form-data: {}}}}
    security: [{basic: []}]
    components: {securitySchemes: {basic: {type: http, scheme: basic}}}
    """
    And a workflow with definition:
    """yaml
    do:
      - ask:
          call: openapi
          with: {document: {endpoint: '{server}/open3g.yaml'}, operationId: add, parameters: {}}
          output: {as: '.headers | has("authorization")'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    false
    """

  Scenario: Messages over NATS are taken up to an amount
    Given a resource '/amount.yaml' with content:
    """yaml
    asyncapi: 3.0.0
    info: {title: t, version: '1'}
    servers:
      web: {host: '{host}', protocol: http}
      bus: {host: '{nats}', protocol: nats}
    channels:
      pets: {address: own.pets.amount}
      web: {address: /echo}
    operations:
      send: {action: send, channel: {$ref: '#/channels/pets'}}
      hear: {action: receive, channel: {$ref: '#/channels/pets'}}
    """
    And a workflow with definition:
    """yaml
    do:
      - race:
          fork:
            compete: true
            branches:
              - hear:
                  call: asyncapi
                  with:
                    document: {endpoint: '{server}/amount.yaml'}
                    operation: hear
                    protocol: nats
                    subscription: {consume: {amount: 2}}
              - say:
                  do:
                    - tell:
                        call: asyncapi
                        with: {document: {endpoint: '{server}/amount.yaml'}, operation: send, protocol: nats, message: {payload: {n: '${ .n }'}}}
                    - pause: {wait: PT0.1S, output: {as: '{n: ((.payload.n // 0) + 1)}'}, then: tell}
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have properties '0.payload.n'
    And the workflow output should have properties '1.payload.n'

  Scenario: A filter sees the message
    Given a resource '/filtered.yaml' with content:
    """yaml
    asyncapi: 3.0.0
    info: {title: t, version: '1'}
    servers:
      web: {host: '{host}', protocol: http}
      bus: {host: '{nats}', protocol: nats}
    channels:
      pets: {address: own.pets.filtered}
      web: {address: /echo}
    operations:
      send: {action: send, channel: {$ref: '#/channels/pets'}}
      hear: {action: receive, channel: {$ref: '#/channels/pets'}}
    """
    And a workflow with definition:
    """yaml
    do:
      - race:
          fork:
            compete: true
            branches:
              - hear:
                  call: asyncapi
                  with:
                    document: {endpoint: '{server}/filtered.yaml'}
                    operation: hear
                    protocol: nats
                    subscription: {consume: {amount: 1}, filter: '${ .payload.n > 2 }'}
              - say:
                  do:
                    - tell:
                        call: asyncapi
                        with: {document: {endpoint: '{server}/filtered.yaml'}, operation: send, protocol: nats, message: {payload: {n: '${ .n }'}}}
                    - pause: {wait: PT0.1S, output: {as: '{n: ((.payload.n // 0) + 1)}'}, then: tell}
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have properties '0.payload.n'

  Scenario: Until sees the messages so far
    Given a resource '/until.yaml' with content:
    """yaml
    asyncapi: 3.0.0
    info: {title: t, version: '1'}
    servers:
      web: {host: '{host}', protocol: http}
      bus: {host: '{nats}', protocol: nats}
    channels:
      pets: {address: own.pets.until}
      web: {address: /echo}
    operations:
      send: {action: send, channel: {$ref: '#/channels/pets'}}
      hear: {action: receive, channel: {$ref: '#/channels/pets'}}
    """
    And a workflow with definition:
    """yaml
    do:
      - race:
          output: {as: length}
          fork:
            compete: true
            branches:
              - hear:
                  call: asyncapi
                  with:
                    document: {endpoint: '{server}/until.yaml'}
                    operation: hear
                    protocol: nats
                    subscription: {consume: {until: '${ length == 2 }'}}
              - say:
                  do:
                    - tell:
                        call: asyncapi
                        with: {document: {endpoint: '{server}/until.yaml'}, operation: send, protocol: nats, message: {payload: {n: '${ .n }'}}}
                    - pause: {wait: PT0.1S, output: {as: '{n: ((.payload.n // 0) + 1)}'}, then: tell}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    2
    """

  Scenario: Tasks for each message
    Given a resource '/each.yaml' with content:
    """yaml
    asyncapi: 3.0.0
    info: {title: t, version: '1'}
    servers:
      web: {host: '{host}', protocol: http}
      bus: {host: '{nats}', protocol: nats}
    channels:
      pets: {address: own.pets.each}
      web: {address: /echo}
    operations:
      send: {action: send, channel: {$ref: '#/channels/pets'}}
      hear: {action: receive, channel: {$ref: '#/channels/pets'}}
    """
    And a workflow with definition:
    """yaml
    do:
      - race:
          fork:
            compete: true
            branches:
              - hear:
                  call: asyncapi
                  with:
                    document: {endpoint: '{server}/each.yaml'}
                    operation: hear
                    protocol: nats
                    subscription: {consume: {amount: 1}, foreach: {item: message, do: [{make: {set: {got: '${ $message.payload.n > 0 }'}}}]}}
              - say:
                  do:
                    - tell:
                        call: asyncapi
                        with: {document: {endpoint: '{server}/each.yaml'}, operation: send, protocol: nats, message: {payload: {n: '${ (.n // 0) + 1 }'}}}
                    - pause: {wait: PT0.1S, output: {as: '{n: ((.payload.n // 0) + 1)}'}, then: tell}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{got: true}]
    """

  Scenario: After its time, what was taken is the output
    Given a resource '/short.yaml' with content:
    """yaml
    asyncapi: 3.0.0
    info: {title: t, version: '1'}
    servers:
      web: {host: '{host}', protocol: http}
      bus: {host: '{nats}', protocol: nats}
    channels:
      pets: {address: own.pets.short}
      web: {address: /echo}
    operations:
      send: {action: send, channel: {$ref: '#/channels/pets'}}
      hear: {action: receive, channel: {$ref: '#/channels/pets'}}
    """
    And a workflow with definition:
    """yaml
    do:
      - hear:
          call: asyncapi
          with: {document: {endpoint: '{server}/short.yaml'}, operation: hear, protocol: nats, subscription: {consume: {amount: 5, for: PT0.2S}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """

  Scenario: The first server that speaks a protocol which is spoken here is taken
    Given a resource '/web.yaml' with content:
    """yaml
    asyncapi: 3.0.0
    info: {title: t, version: '1'}
    servers:
      web: {host: '{host}', protocol: http}
      bus: {host: '{nats}', protocol: nats}
    channels:
      pets: {address: own.pets.web}
      web: {address: /echo}
    operations:
      send: {action: send, channel: {$ref: '#/channels/pets'}}
      hear: {action: receive, channel: {$ref: '#/channels/pets'}}
    """
    And a workflow with definition:
    """yaml
    do: [{tell: {call: asyncapi, with: {document: {endpoint: '{server}/web.yaml'}, channel: web, message: {payload: {n: 1}}}, output: {as: .payload}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 1}
    """

  Scenario: A message to an agent
    Given a workflow with definition:
    """yaml
    do: [{ask: {call: a2a, with: {server: '{server}/agent', method: message/send, parameters: {message: {role: user, parts: [{kind: text, text: '${ .text }'}]}}}, output: {as: .heard}}}]
    """
    And given the workflow input is:
    """yaml
    text: Hello
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Hello
    """

  Scenario: The URL of an agent stands in its card
    Given a resource '/card.json' with content:
    """yaml
    {name: an agent, url: '{server}/agent', preferredTransport: JSONRPC}
    """
    And a workflow with definition:
    """yaml
    do: [{ask: {call: a2a, with: {agentCard: {endpoint: '{server}/card.json'}, method: message/send, parameters: {message: {role: user, parts: [{kind: text, text: Hi}]}}}, output: {as: .heard}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Hi
    """

  Scenario: Events of a stream of an agent become an array
    Given a workflow with definition:
    """yaml
    do: [{ask: {call: a2a, with: {server: '{server}/agent', method: message/stream, parameters: {message: {role: user}}}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{n: 1}, {n: 2}]
    """

  Scenario: An error of an agent is a runtime error
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: a2a
                with: {server: '{server}/agent', method: tasks/get, parameters: {id: x}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: runtime, status: 500}
    """

  Scenario: A parameter of an address has its default
    Given a resource '/param.yaml' with content:
    """yaml
    asyncapi: 3.0.0
    info: {title: t, version: '1'}
    servers: {bus: {host: '{nats}', protocol: nats}}
    channels: {pets: {address: 'own.{kind}', parameters: {kind: {default: dog}}}}
    operations: {send: {action: send, channel: {$ref: '#/channels/pets'}}}
    """
    And a workflow with definition:
    """yaml
    do: [{tell: {call: asyncapi, with: {document: {endpoint: '{server}/param.yaml'}, operation: send, message: {payload: {n: 1}}}, output: {as: .payload}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {n: 1}
    """

  Scenario: A parameter of an address without a default is refused
    Given a resource '/noparam.yaml' with content:
    """yaml
    asyncapi: 3.0.0
    info: {title: t, version: '1'}
    servers: {bus: {host: '{nats}', protocol: nats}}
    channels: {pets: {address: 'own.{kind}', parameters: {kind: {}}}}
    operations: {send: {action: send, channel: {$ref: '#/channels/pets'}}}
    """
    And a workflow with definition:
    """yaml
    do: [{tell: {call: asyncapi, with: {document: {endpoint: '{server}/noparam.yaml'}, operation: send, message: {payload: {n: 1}}}, output: {as: .payload}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'
