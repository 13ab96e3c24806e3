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

  Scenario: an output that does not fit is an error that is not tried again
    Given a task type 'own-output' with:
      """
      output: {type: object, required: [receipt]}
      """
    And a workflow with definition:
      """
      do:
      - fits: {call: own-output, with: {gives: {receipt: r1}}}
      - tried:
          try: [{not: {call: own-output, with: {gives: {other: 1}}}}]
          catch:
            as: error
            do: [{told: {set: {type: '${ $error.type | split("/") | last }', at: '${ $error.instance }'}}}]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """
      {type: validation, at: /do/1/tried/try/0/not}
      """

  Scenario: the document goes before the registry, and the task before both
    Given a task type 'own-layers' with:
      """
      retry: {initial_interval: 20ms, maximum_attempts: 2}
      """
    And a workflow with definition:
      """
      document: {dsl: 1.0.3, namespace: own, name: layers, version: 1.0.0, metadata: {kintsugi: {retry: {maximum_attempts: 3}}}}
      do:
      - document: {call: own-layers, with: {fails: 2, gives: 1}}
      - task: {call: own-layers, with: {fails: 3, gives: 1}, metadata: {kintsugi: {retry: {maximum_attempts: 4}}}}
      - exhausted: {call: own-layers, with: {fails: 3, gives: 1}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """
      instance: /do/2/exhausted
      """

  Scenario: in a try with retries, the policy is the document's
    Given a task type 'own-try' with:
      """
      retry: {initial_interval: 20ms, maximum_attempts: 10}
      """
    And a workflow with definition:
      """
      do:
      - tried:
          try: [{work: {call: own-try, with: {fails: 2, gives: 1}}}]
          catch: {retry: {delay: PT0.05S, limit: {attempt: {count: 1}}}, do: [{told: {set: {exhausted: true}}}]}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """
      exhausted: true
      """

  Scenario: what is said later counts for definitions that are registered later
    Given another definition:
      """
      document: {dsl: 1.0.3, namespace: own, name: sooner, version: 1.0.0}
      do: [{work: {call: own-later, with: {gives: '${ .gives }'}}}]
      """
    And a task type 'own-later' with:
      """
      output: {type: string}
      """
    And a workflow with definition:
      """
      do:
      - sooner: {run: {workflow: {namespace: own, name: sooner, version: 1.0.0, input: {gives: 7}}}}
      - later: {call: own-later, with: {gives: 7}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """
      type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
      instance: /do/1/later
      """

  Scenario: keys that a task type does not have are refused, and so is what is too long
    Then a task type 'own-refused' should be refused with 422:
      """
      tls: true
      """
    And a task type 'own-refused' should be refused with 422:
      """
      input: {$ref: 'https://own.test/schema.json'}
      """
    And a task type 'http' should be refused with 422:
      """
      queue: other
      """

  Scenario: a function of the document goes before a task type
    Given a task type 'own-shadowed' with:
      """
      input: {type: object, required: [never]}
      """
    And a workflow with definition:
      """
      use: {functions: {own-shadowed: {set: {from: document}}}}
      do: [{a: {call: own-shadowed}}]
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """
      from: document
      """
