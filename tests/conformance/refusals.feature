Feature: What is refused

  Scenario: Another version of the language
    Given a workflow with definition:
    """yaml
    document: {dsl: '2.0.0', namespace: own, name: refused, version: '1.0.0'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'

  Scenario: A version that is none
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: refused, version: one}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-version'

  Scenario: A name in upper case
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: Refused, version: '1.0.0'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-name'

  Scenario: A namespace with a dot
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: o.n, name: refused, version: '1.0.0'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-name'

  Scenario: A document without a name
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, version: '1.0.0'}
    do: [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'missing-key'

  Scenario: An unknown key at the top
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    extra: 1
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-key'

  Scenario: An unknown key of a task
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}, extra: 1}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-key'

  Scenario: An unknown key of a catch
    Given a workflow with definition:
    """yaml
    do: [{a: {try: [{b: {set: {x: 1}}}], catch: {extra: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-key'

  Scenario: An unknown key of a filter of errors
    Given a workflow with definition:
    """yaml
    do: [{a: {try: [{b: {set: {x: 1}}}], catch: {errors: {with: {extra: 1}}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-key'

  Scenario: An unknown key of a backoff
    Given a workflow with definition:
    """yaml
    do: [{a: {try: [{b: {set: {x: 1}}}], catch: {retry: {backoff: {constant: {extra: 1}}}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-key'

  Scenario: A workflow without tasks
    Given a workflow with definition:
    """yaml
    use: {}
    """
    When the definition is registered
    Then the definition should be refused with 'missing-key'

  Scenario: A task of two kinds
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}, wait: {seconds: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'ambiguous-task'

  Scenario: A task of no kind
    Given a workflow with definition:
    """yaml
    do: [{a: {then: end}}]
    """
    When the definition is registered
    Then the definition should be refused with 'missing-keyword'

  Scenario: Two tasks in one entry of a list
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}, b: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'type'

  Scenario: A fork without branches
    Given a workflow with definition:
    """yaml
    do: [{a: {fork: {branches: []}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'empty-list'

  Scenario: A try without a catch
    Given a workflow with definition:
    """yaml
    do: [{a: {try: [{b: {set: {x: 1}}}]}}]
    """
    When the definition is registered
    Then the definition should be refused with 'missing-key'

  Scenario: A catch without a try
    Given a workflow with definition:
    """yaml
    do: [{a: {catch: {do: []}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'missing-keyword'

  Scenario: A raise without an error
    Given a workflow with definition:
    """yaml
    do: [{a: {raise: {}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'missing-key'

  Scenario: An error without a type
    Given a workflow with definition:
    """yaml
    do: [{a: {raise: {error: {status: 500}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'missing-key'

  Scenario: A status that is no number
    Given a workflow with definition:
    """yaml
    do: [{a: {raise: {error: {type: 'https://example.com/x', status: [1]}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'type'

  Scenario: An error of use that is not there
    Given a workflow with definition:
    """yaml
    do: [{a: {raise: {error: nobody}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-reference'

  Scenario: A retry of use that is not there
    Given a workflow with definition:
    """yaml
    do: [{a: {try: [{b: {set: {x: 1}}}], catch: {retry: nobody}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-reference'

  Scenario: A timeout of use that is not there
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}, timeout: nobody}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-reference'

  Scenario: A duration with a unit that there is not
    Given a workflow with definition:
    """yaml
    do: [{a: {wait: {fortnights: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-key'

  Scenario: A duration that is less than nothing
    Given a workflow with definition:
    """yaml
    do: [{a: {wait: {seconds: -1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'out-of-range'

  Scenario: A wait of a text that is no duration
    Given a workflow with definition:
    """yaml
    do: [{a: {wait: soon}}]
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-duration'

  Scenario: An all without a filter
    Given a workflow with definition:
    """yaml
    do: [{a: {listen: {to: {all: []}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'empty-list'

  Scenario: An event to emit without its attributes
    Given a workflow with definition:
    """yaml
    do: [{a: {emit: {event: {}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'missing-key'

  Scenario: An attribute of an event in upper case
    Given a workflow with definition:
    """yaml
    do: [{a: {emit: {event: {with: {type: x, 'Upper': 1}}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-key'

  Scenario: A schedule of two kinds
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    schedule: {every: {seconds: 5}, cron: '* * * * *'}
    """
    When the definition is registered
    Then the definition should be refused with 'ambiguous-schedule'

  Scenario: A cron expression that is none
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    schedule: {cron: 'often'}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-cron'

  Scenario: A cron expression that never matches
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    schedule: {cron: '0 0 30 2 *'}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-cron'

  Scenario: A rhythm of less than a second
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    schedule: {every: {milliseconds: 5}}
    """
    When the definition is registered
    Then the definition should be refused with 'out-of-range'

  Scenario: A language other than jq
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    evaluate: {language: js}
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'

  Scenario: A format of schemas that is not JSON
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    input: {schema: {format: xml, document: {}}}
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'

  Scenario: A schema that is none
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    input: {schema: {document: {type: 7}}}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-schema'

  Scenario: A call that waits for a person at a browser
    Given a workflow with definition:
    """yaml
    do: [{a: {call: http, with: {method: get, endpoint: {uri: 'https://example.com', authentication: {oauth2: {authority: 'https://example.com', grant: authorization_code, client: {id: x}}}}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'

  Scenario: A method of HTTP without an endpoint
    Given a workflow with definition:
    """yaml
    do: [{a: {call: http, with: {method: get}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'missing-key'

  Scenario: A secret that use does not name
    Given a workflow with definition:
    """yaml
    do: [{a: {call: http, with: {method: get, endpoint: 'https://example.com', headers: {x: '${ $secrets.nobody }'}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-reference'

  Scenario: A call of a type that cannot be one
    Given a workflow with definition:
    """yaml
    do: [{a: {call: 'no type'}}]
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-name'

  Scenario: An anchor
    Given a workflow with definition:
    """yaml
    do: &x [{a: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'

  Scenario: A key that stands twice
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    do: [{b: {set: {x: 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'duplicate-key'

  Scenario: A second document
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 1}}}]
    ---
    other: 1
    """
    When the definition is registered
    Then the definition should be refused with 'multiple-documents'

  Scenario: An integer of more than 64 bits
    Given a workflow with definition:
    """yaml
    do: [{a: {set: {x: 99999999999999999999}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'integer-range'

  Scenario: A run of a script in a language that is not spoken
    Given a workflow with definition:
    """yaml
    do: [{a: {run: {script: {language: ruby, code: 'x'}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'

  Scenario: A file whose URI names a host
    Given a workflow with definition:
    """yaml
    do: [{a: {call: grpc, with: {proto: {endpoint: 'file://app/greet.proto'}, service: {name: a.B, host: localhost}, method: C}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-uri'

  Scenario: Volumes of a container need an ability of their own
    Given a workflow with definition:
    """yaml
    do: [{a: {run: {container: {image: alpine, volumes: {/a: /b}}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'not-allowed'
