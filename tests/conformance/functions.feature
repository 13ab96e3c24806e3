Feature: Functions

  Scenario: A function is called with arguments
    Given a workflow with definition:
    """yaml
    use:
      functions:
        greet: {input: {schema: {document: {required: [name]}}}, set: {text: '${ "Hi " + .name }'}}
    do:
      - hello: {call: greet, with: {name: '${ .who }'}, output: {as: .text}}
    """
    And given the workflow input is:
    """yaml
    who: Bo
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Hi Bo
    """

  Scenario: A function checks its own input
    Given a workflow with definition:
    """yaml
    use:
      functions:
        greet: {input: {schema: {document: {required: [name]}}}, set: {text: x}}
    do:
      - hello: {call: greet, with: {other: 1}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    instance: /do/0/hello/call
    """

  Scenario: A function that calls itself is refused
    Given a workflow with definition:
    """yaml
    use: {functions: {a: {do: [{x: {call: b}}]}, b: {call: a}}}
    do: [{start: {call: a}}]
    """
    When the definition is registered
    Then the definition should be refused with 'recursive-function'

  Scenario: A function of a catalog is got once
    Given a resource '/functions/double/1.2.0/function.yaml' with content:
    """yaml
    set: {n: '${ .n * 2 }'}
    """
    And a workflow with definition:
    """yaml
    use: {catalogs: {mine: {endpoint: '{server}'}}}
    do:
      - one: {call: 'double:1.2.0@mine', with: {n: 4}}
      - two: {call: 'double:1.2.0@mine'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 16
    """
    And '/functions/double/1.2.0/function.yaml' should have been asked for 1 times

  Scenario: A function that is not there
    Given a workflow with definition:
    """yaml
    do:
      - one: {call: '{server}/functions/gone/1.0.0/function.yaml'}
    """
    When the definition is registered
    Then the definition should be refused with 'missing-resource'

  Scenario: A function that stands somewhere is called by its address
    Given a resource '/elsewhere/greet.yaml' with content:
    """yaml
    input: {from: '{name: .name}'}
    do: [{send: {set: {text: '${ "Hi " + .name }', at: '${ $task.reference }'}}}]
    """
    And a workflow with definition:
    """yaml
    do: [{greet: {call: '{server}/elsewhere/greet.yaml', with: {name: Bo}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {text: Hi Bo, at: /do/0/greet/call/do/0/send}
    """

  Scenario: A name that is no function's is a task type
    Given a workflow with definition:
    """yaml
    use: {functions: {own-other: {set: {from: function}}}}
    do:
      - function: {call: own-other, export: {as: '{function: .from}'}}
      - type: {call: own-plain, with: {gives: worker}}
      - see: {set: {function: '${ $context.function }', type: '${ . }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {function: function, type: worker}
    """

  Scenario: A function sees the context, and none of the variables of its caller
    Given a workflow with definition:
    """yaml
    use: {functions: {look: {set: {item: '${ $item }'}}}}
    do: [{each: {for: {in: '[1]'}, do: [{a: {call: look}}]}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unknown-variable'
