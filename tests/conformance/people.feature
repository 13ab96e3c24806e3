Feature: tasks of people

  Scenario: an answer is the task's output
    Given a workflow with definition:
      """
      do:
      - approve:
          call: human-task
          with:
            title: ${ "Approve \(.order)?" }
            form: {type: object, required: [ok]}
          output: {as: '${ .ok }'}
          export: {as: '{approved: .}'}
      - ship: {set: {approved: '${ $context.approved }'}}
      """
    And given the workflow input is:
      """
      order: 7
      """
    And a person answers 'Approve 7?' with:
      """
      {ok: true, note: fine}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """
      approved: true
      """

  Scenario: a person is waited for no longer than the task's timeout says
    Given a workflow with definition:
      """
      do:
      - asked:
          try:
          - approve: {call: human-task, with: {title: Approve?}, timeout: {after: {milliseconds: 300}}}
          catch:
            errors: {with: {status: 408}}
            do:
            - late: {set: {approved: false}}
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """
      approved: false
      """

  Scenario: several people are asked side by side, and the answers are in order
    Given a workflow with definition:
      """
      use:
        functions:
          ask: {call: human-task, with: {title: '${ "\(.who)?" }', assignees: '${ .who }'}}
      do:
      - all: {call: map, with: {in: '${ .people }', do: ask, with: {who: '${ $item }'}}}
      """
    And given the workflow input is:
      """
      people: [ada, bob]
      """
    And a person answers 'bob?' with:
      """
      from bob
      """
    And a person answers 'ada?' with:
      """
      from ada
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """
      [from ada, from bob]
      """

  Scenario: who answers first decides where branches compete
    Given a workflow with definition:
      """
      do:
      - first:
          fork:
            compete: true
            branches:
            - ada: {call: human-task, with: {title: Ada?}}
            - bob: {call: human-task, with: {title: Bob?}}
      """
    And a person answers 'Bob?' with:
      """
      from bob
      """
    When the workflow is executed
    Then the workflow should complete with output:
      """
      from bob
      """

  Scenario: a title must be a text
    Given a workflow with definition:
      """
      do:
      - approve: {call: human-task, with: {title: '${ 7 }'}}
      """
    When the workflow is executed
    Then the workflow should fault with error:
      """
      type: https://serverlessworkflow.io/spec/1.0.0/errors/expression
      status: 400
      """

  Scenario: what nobody gets is refused
    Given a workflow with definition:
      """
      do:
      - approve: {call: human-task, with: {title: Approve?, escalate: boss}}
      """
    When the definition is registered
    Then the definition should be refused with 'no-effect'

  Scenario: a person sees what the definition gives to see
    Given a workflow with definition:
      """
      do:
      - approve:
          call: human-task
          with:
            title: Approve
            description: ${ "Order \(.order)" }
            data: '${ {order} }'
            assignees: [buyers, '${ .by }']
            due: PT1H
            form: {type: object, required: [ok], properties: {ok: {type: boolean}}}
          output: {as: '${ .ok }'}
      """
    And given the workflow input is:
      """
      {order: 7, by: ada}
      """
    And a person answers 'Approve' with:
      """
      {ok: true}
      """
    When the workflow is started
    Then a person should be asked:
      """
      {title: Approve, description: Order 7, data: {order: 7}, assignees: [buyers, ada], due_at: '*Z', form: {required: [ok]}}
      """
    And an answer should be refused with 422:
      """
      {ok: perhaps}
      """
    When the workflow has ended
    Then the workflow should complete with output:
      """
      true
      """

  Scenario: once it is due, it is somebody else's
    Given a workflow with definition:
      """
      do: [{approve: {call: human-task, with: {title: Escalates, assignees: buyers, due: '${ .due }', escalate: head-of-buying}}}]
      """
    And given the workflow input is:
      """
      due: PT0.3S
      """
    And a person answers 'Escalates' with:
      """
      fine
      """
    When the workflow is started
    Then a person should be asked:
      """
      {title: Escalates, assignees: [head-of-buying], escalated_at: '*Z'}
      """
    When the workflow has ended
    Then the workflow should complete with output:
      """
      fine
      """

  Scenario: without a form any answer will do, and without names anybody's
    Given a workflow with definition:
      """
      do: [{approve: {call: human-task, with: {title: Anything}}}]
      """
    And a person answers 'Anything' with:
      """
      [1, two, null]
      """
    When the workflow is started
    Then a person should be asked:
      """
      {title: Anything, assignees: []}
      """
    When the workflow has ended
    Then the workflow should complete with output:
      """
      [1, two, null]
      """
