Feature: the registry of task types

  Scenario: what a registered task type cannot take is refused when the definition is registered
    Given a task type 'registry-pay' with:
      """
      input: {type: object, required: [cents], properties: {cents: {type: integer}}}
      """
    And a workflow with definition:
      """
      do: [{pay: {call: registry-pay, with: {cents: a lot}}}]
      """
    When the definition is registered
    Then the definition should be refused with 'invalid-arguments'

  Scenario: what is seen only when it is called is an error of the task
    Given a task type 'registry-pay' with:
      """
      input: {type: object, required: [cents], properties: {cents: {type: integer}}}
      """
    And a workflow with definition:
      """
      do: [{pay: {call: registry-pay, with: {cents: '${ .amount }'}}}]
      """
    And given the workflow input is:
      """
      amount: a lot
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """
      type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
      status: 400
      instance: /do/0/pay
      """

  Scenario: a version in the default catalog is a task type of its own, and an error of the check is caught as any other
    Given a task type 'registry-ship-1-2-0' with:
      """
      input: {type: object, required: [to]}
      """
    And a workflow with definition:
      """
      do:
      - tried:
          try: [{ship: {call: 'registry-ship:1.2.0@default'}}]
          catch: {errors: {with: {status: 400}}, do: [{refused: {set: {shipped: false}}}]}
      """
    And given the workflow input is:
      """
      from: here
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """
      shipped: false
      """

  Scenario: a call that is one slip away from a registered task type is warned of
    Given a task type 'registry-invoice' with:
      """
      description: Sends an invoice
      """
    And a workflow with definition:
      """
      do: [{pay: {call: registry-invoise}}]
      """
    When the definition is registered
    Then the definition should be warned of with 'suspicious-task-type'
