Feature: Reading a document

  Scenario: Every problem is told at once
    Given a workflow with definition:
    """yaml
    do:
      - one: {wait: soon}
      - two: {set: {n: '${ .a[ }'}, thn: end}
    """
    When the definition is registered
    Then the definition should be refused with 'invalid-duration'
    And the definition should be refused with 'invalid-expression'
    And the definition should be refused with 'unknown-key'

  Scenario: What is probably not meant is warned of, and accepted
    Given a workflow with definition:
    """yaml
    do:
      - one: {set: {x: 1}, then: end}
      - two: {if: 'false', set: {x: .a.b}}
    """
    When the definition is registered
    Then the definition should be accepted
    And the definition should be warned of with 'unreachable-task'
    And the definition should be warned of with 'constant-condition'

  Scenario: A loop that never ends and waits for nothing is warned of
    Given a workflow with definition:
    """yaml
    do: [{one: {set: {x: 1}}}, {two: {set: {x: 2}, then: one}}]
    """
    When the definition is registered
    Then the definition should be accepted
    And the definition should be warned of with 'endless-loop'

  Scenario: What another runtime would not do is said
    Given a workflow with definition:
    """yaml
    do: [{one: {call: own-plain, metadata: {kintsugi: {queue: other}}}}]
    """
    When the definition is registered
    Then the definition should be accepted
    And the definition should be told of as 'not-portable'

  Scenario: Words of older versions of YAML are texts
    Given a workflow with definition:
    """yaml
    do: [{one: {set: {answers: [yes, on, 0b1, true, 0x10]}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    answers: ['yes', 'on', '0b1', true, 16]
    """

  Scenario: A tag is refused
    Given a workflow with definition:
    """yaml
    do: [{one: {set: {x: !mine 1}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'unsupported'

  Scenario: Values nest no deeper than 64 levels
    Given a workflow with definition:
    """yaml
    do: [{one: {set: {x: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'too-deep'

  Scenario: Comments, format and the order of keys make no other definition
    Given another definition:
    """yaml
    # The first one.
    document: {dsl: '1.0.3', namespace: own, name: same-digest, version: '1.0.0'}
    do: [{one: {set: {a: 1, b: 2}}}]
    """
    And another definition:
    """yaml
    do:
      - one:
          set: {b: 2, a: 1}
    document:
      {version: '1.0.0', name: same-digest, namespace: own, dsl: '1.0.3'}
    """
    And a workflow with definition:
    """yaml
    do: [{sub: {run: {workflow: {namespace: own, name: same-digest, version: '1.0.0'}}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {a: 1, b: 2}
    """

  Scenario: Iterations share the reference of a task
    Given a workflow with definition:
    """yaml
    do: [{each: {for: {in: '[1, 2]'}, do: [{step: {set: {at: '${ $task.reference }'}, export: {as: '{at: ($context.at + [$task.output.at])}'}}}]}}]
    output: {as: $context.at}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [/do/0/each/do/0/step, /do/0/each/do/0/step]
    """
