Feature: Calls

  Scenario: A method of gRPC by its proto file and what that imports
    Given a workflow with definition:
    """yaml
    do:
      - hello:
          call: grpc
          with:
            proto: {endpoint: '{server}/greet/v1/greeter.proto'}
            service: {name: greet.v1.Greeter, host: localhost, port: {grpc}}
            method: Hello
            arguments: {fullName: '${ .who }', big: 9007199254740993, mood: MOOD_GLAD}
          output: {as: '{text, big, mood}'}
    """
    And given the workflow input is:
    """yaml
    who: Ada
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    text: Hello Ada
    big: 9007199254740993
    mood: MOOD_GLAD
    """

  Scenario: Messages of a stream become an array
    Given a workflow with definition:
    """yaml
    do:
      - count:
          call: grpc
          with:
            proto: {endpoint: '{server}/greet/v1/greeter.proto'}
            service: {name: greet.v1.Greeter, host: localhost, port: {grpc}}
            method: Count
            arguments: {big: 3}
          output: {as: 'map(.text)'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ['0', '1', '2']
    """

  Scenario: A method that takes a stream gets one message
    Given a workflow with definition:
    """yaml
    do:
      - collect:
          call: grpc
          with:
            proto: {endpoint: '{server}/greet/v1/greeter.proto'}
            service: {name: greet.v1.Greeter, host: localhost, port: {grpc}}
            method: Collect
            arguments: {fullName: Bob}
          output: {as: .text}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Bob
    """

  Scenario: A status of gRPC is a communication error with the status of HTTP
    Given a workflow with definition:
    """yaml
    do:
      - look:
          try:
            - hello:
                call: grpc
                with:
                  proto: {endpoint: '{server}/greet/v1/greeter.proto'}
                  service: {name: greet.v1.Greeter, host: localhost, port: {grpc}}
                  method: Hello
                  arguments: {fullName: nobody}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: communication
    status: 404
    """

  Scenario: A method that is not in the proto file is refused
    Given a workflow with definition:
    """yaml
    do:
      - hello:
          call: grpc
          with:
            proto: {endpoint: '{server}/greet/v1/greeter.proto'}
            service: {name: greet.v1.Greeter, host: localhost, port: {grpc}}
            method: Goodbye
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-resource'

  Scenario: An argument that the message has no field for is refused
    Given a workflow with definition:
    """yaml
    do:
      - hello:
          call: grpc
          with:
            proto: {endpoint: '{server}/greet/v1/greeter.proto'}
            service: {name: greet.v1.Greeter, host: localhost, port: {grpc}}
            method: Hello
            arguments: {nick: Ada}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-parameters'

  Scenario: A tool of a server of MCP
    Given a workflow with definition:
    """yaml
    do:
      - add:
          call: mcp
          with:
            method: tools/call
            parameters: {name: add, arguments: {a: '${ .a }', b: 2}}
            transport: {http: {endpoint: '{mcp}'}}
          output: {as: '.content[0].text'}
    """
    And given the workflow input is:
    """yaml
    a: 40
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    '42'
    """

  Scenario: A tool that says that it failed is a runtime error
    Given a workflow with definition:
    """yaml
    do:
      - look:
          try:
            - fail:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: mcp
                with:
                  method: tools/call
                  parameters: {name: fail}
                  transport: {http: {endpoint: '{mcp}'}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', status: '${ $error.status }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: runtime
    status: 500
    """

  Scenario: A server of MCP has a time of its own
    Given a workflow with definition:
    """yaml
    do:
      - look:
          try:
            - slow:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: mcp
                with:
                  method: tools/call
                  parameters: {name: slow}
                  timeout: PT0.3S
                  transport: {http: {endpoint: '{mcp}'}}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: timeout
    """

  Scenario: A server of MCP as a process is refused where that is not allowed
    Given a workflow with definition:
    """yaml
    do:
      - list:
          call: mcp
          with: {method: tools/list, transport: {stdio: {command: npx, arguments: [a-server]}}}
    """
    When the definition is registered
    Then the definition should be refused with 'not-allowed'

  Scenario: A script that stands elsewhere is got once
    Given a resource '/scripts/add.py' with content:
    """yaml
    import sys
    print(int(sys.argv[1]) + 1)
    """
    And a workflow with definition:
    """yaml
    do:
      - add:
          run:
            script:
              language: python
              source: {endpoint: '{server}/scripts/add.py'}
              arguments: ['${ .a | tostring }']
          output: {as: tonumber}
      - again:
          run:
            script:
              language: python
              source: {endpoint: '{server}/scripts/add.py'}
              arguments: ['${ . | tostring }']
          output: {as: tonumber}
    """
    And given the workflow input is:
    """yaml
    a: 40
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    42
    """
    And '/scripts/add.py' should have been asked for 1 times

  Scenario: TLS is spoken where the metadata says so
    Given a workflow with definition:
    """yaml
    do:
      - hello:
          metadata: {kintsugi: {tls: true}}
          call: grpc
          with:
            proto: {endpoint: '{server}/greet/v1/greeter.proto'}
            service: {name: greet.v1.Greeter, host: localhost, port: {grpc-tls}}
            method: Hello
            arguments: {fullName: Ada}
          output: {as: .text}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Hello Ada
    """

  Scenario: TLS is not spoken at other ports than 443
    Given a workflow with definition:
    """yaml
    do:
      - look:
          try:
            - hello:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: grpc
                with:
                  proto: {endpoint: '{server}/greet/v1/greeter.proto'}
                  service: {name: greet.v1.Greeter, host: localhost, port: {grpc-tls}}
                  method: Hello
                  arguments: {fullName: Ada}
          catch:
            as: error
            do: [{told: {set: {type: '${ $error.type | split("/") | last }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: communication
    """

  Scenario: A version of MCP is asked for
    Given a workflow with definition:
    """yaml
    do:
      - ask:
          call: mcp
          with: {protocolVersion: '2025-03-26', method: tools/call, parameters: {name: version}, transport: {http: {endpoint: '{server}/mcp/2025-03-26'}}}
          output: {as: '.content[0].text'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    2025-03-26 2025-03-26
    """

  Scenario: A server of MCP chooses another version
    Given a workflow with definition:
    """yaml
    do:
      - ask:
          call: mcp
          with: {method: tools/call, parameters: {name: version}, transport: {http: {endpoint: '{server}/mcp/2024-11-05'}}}
          output: {as: '.content[0].text | split(" ") | first'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    '2025-06-18'
    """

  Scenario: A server of MCP chooses a version that is not spoken here
    Given a workflow with definition:
    """yaml
    do:
      - look:
          try:
            - ask:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                call: mcp
                with: {method: tools/call, parameters: {name: version}, transport: {http: {endpoint: '{server}/mcp/1999-12-31'}}}
          catch:
            as: error
            do: [{told: {set: {type: '${ $error.type | split("/") | last }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: runtime
    """
