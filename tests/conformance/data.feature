Feature: Data

  Scenario: The first context is the transformed input of the workflow
    Given a workflow with definition:
    """yaml
    input: {from: .order}
    do:
      - see: {set: {context: '${ $context }', raw: '${ $workflow.input }', input: '${ . }'}}
    """
    And given the workflow input is:
    """yaml
    order: {id: 7}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    context: {id: 7}
    raw: {order: {id: 7}}
    input: {id: 7}
    """

  Scenario: An export replaces the context
    Given a workflow with definition:
    """yaml
    do:
      - first: {set: {a: 1}, export: {as: '{kept: .a}'}}
      - second: {set: '${ $context }'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    kept: 1
    """

  Scenario: Set replaces the data
    Given a workflow with definition:
    """yaml
    do:
      - only: {set: {b: 2}}
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    b: 2
    """

  Scenario: Input that does not match its schema
    Given a workflow with definition:
    """yaml
    input: {schema: {document: {type: object, required: [id]}}}
    do: []
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://serverlessworkflow.io/spec/1.0.0/errors/validation
    status: 400
    instance: /input
    """

  Scenario: A schema elsewhere is got when the definition is registered
    Given a resource '/schemas/order.json' with content:
    """yaml
    {"type": "object", "required": ["id"]}
    """
    And a workflow with definition:
    """yaml
    input: {schema: {resource: {endpoint: '{server}/schemas/order.json'}}}
    do: []
    """
    And given the workflow input is:
    """yaml
    id: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    id: 1
    """
    And '/schemas/order.json' should have been asked for 1 times

  Scenario: A text that looks like an expression is a text, with a warning
    Given a workflow with definition:
    """yaml
    do:
      - keep: {set: {x: .a, y: 'Hi ${ .a }'}}
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the definition should be warned of with 'literal-expression'
    And the definition should be warned of with 'partial-expression'
    And the workflow should complete with output:
    """yaml
    x: .a
    y: Hi ${ .a }
    """

  Scenario: Expressions in data are not evaluated
    Given a workflow with definition:
    """yaml
    do:
      - keep: {set: {x: '${ .text }'}}
      - again: {set: '${ .x }'}
    """
    And given the workflow input is:
    """yaml
    text: ${ $workflow.id }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ${ $workflow.id }
    """

  Scenario: Integers of 64 bits are exact
    Given a workflow with definition:
    """yaml
    do:
      - add: {set: {n: '${ .n + 1 }'}}
    """
    And given the workflow input is:
    """yaml
    n: 9007199254740993
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 9007199254740994
    """

  Scenario: A task knows its name, its reference and its definition
    Given a workflow with definition:
    """yaml
    do:
      - outer:
          do:
            - see:
                metadata: {mark: 5}
                set: {name: '${ $task.name }', at: '${ $task.reference }', mark: '${ $task.definition.metadata.mark }'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    name: see
    at: /do/0/outer/do/0/see
    mark: 5
    """
