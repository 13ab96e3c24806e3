Feature: Listening

  Scenario: One event is heard, and its data is an array of one
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {one: {with: {type: own.one}}}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.one, source: 'https://own.test', data: {n: 1}}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{n: 1}]
    """

  Scenario: An envelope is the event
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {one: {with: {type: own.envelope}}}, read: envelope}
                  output: {as: 'map({id, type, source, data})'}
              - say:
                  do:
                  - e0: {emit: {event: {with: {id: e1, type: own.envelope, source: 'https://own.test', data: {n: 1}}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{id: e1, type: own.envelope, source: 'https://own.test', data: {n: 1}}]
    """

  Scenario: Raw data is a text
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {one: {with: {type: own.raw}}}, read: raw}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.raw, source: 'https://own.test', data: {n: 1}}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ['{"n":1}']
    """

  Scenario: Any of several events is enough
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {any: [{with: {type: own.any.a}}, {with: {type: own.any.b}}]}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.any.b, source: 'https://own.test', data: b}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [b]
    """

  Scenario: All events are wanted, each filter takes one, in whatever order they come
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {all: [{with: {type: own.all.a}}, {with: {type: own.all.b}}]}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.all.b, source: 'https://own.test', data: b1}}}}
                  - e1: {emit: {event: {with: {type: own.all.b, source: 'https://own.test', data: b2}}}}
                  - e2: {emit: {event: {with: {type: own.all.a, source: 'https://own.test', data: a}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [b1, a]
    """

  Scenario: Until an expression holds, on all that was consumed
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {any: [{with: {type: own.until}}], until: '${ map(.n) | add >= 3 }'}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.until, source: 'https://own.test', data: {n: 1}}}}}
                  - e1: {emit: {event: {with: {type: own.until, source: 'https://own.test', data: {n: 2}}}}}
                  - e2: {emit: {event: {with: {type: own.until, source: 'https://own.test', data: {n: 3}}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{n: 1}, {n: 2}]
    """

  Scenario: Until another event comes, which is not consumed
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {any: [{with: {type: own.said}}], until: {one: {with: {type: own.closed}}}}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.said, source: 'https://own.test', data: hello}}}}
                  - e1: {emit: {event: {with: {type: own.closed, source: 'https://own.test', data: bye}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [hello]
    """

  Scenario: What never ends is ended by its timeout
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - hear:
                listen: {to: {any: [{with: {type: own.never}}], until: '${ false }'}}
                timeout: {after: PT0.2S}
          catch:
            as: error
            do:
              - told: {set: {type: '${ $error.type | split("/") | last }', at: '${ $error.instance }'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: timeout, at: /do/0/careful/try/0/hear}
    """

  Scenario: Without an expectation the first event fixes the value
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {all: [{with: {type: own.first.a}, correlate: {order: {from: .data.order}}}, {with: {type: own.first.b}, correlate: {order: {from: .data.order}}}]}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.first.a, source: 'https://own.test', data: {order: 1}}}}}
                  - e1: {emit: {event: {with: {type: own.first.b, source: 'https://own.test', data: {order: 2}}}}}
                  - e2: {emit: {event: {with: {type: own.first.b, source: 'https://own.test', data: {order: 1}}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{order: 1}, {order: 1}]
    """

  Scenario: An expectation is evaluated when the listen opens
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {one: {with: {type: own.expect}, correlate: {order: {from: .data.order, expect: '${ .wanted }'}}}}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.expect, source: 'https://own.test', data: {order: 1}}}}}
                  - e1: {emit: {event: {with: {type: own.expect, source: 'https://own.test', data: {}}}}}
                  - e2: {emit: {event: {with: {type: own.expect, source: 'https://own.test', data: {order: 2}}}}}
          output: {as: '.[0]'}
    """
    And given the workflow input is:
    """yaml
    wanted: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{order: 2}]
    """

  Scenario: A text that is expected also fits the number that it is the text of
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {one: {with: {type: own.text}, correlate: {order: {from: .data.order, expect: '2'}}}}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.text, source: 'https://own.test', data: {order: 1}}}}}
                  - e1: {emit: {event: {with: {type: own.text, source: 'https://own.test', data: {order: 2}}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{order: 2}]
    """

  Scenario: Two expectations of one name are refused
    Given a workflow with definition:
    """yaml
    do: [{hear: {listen: {to: {all: [{with: {type: a}, correlate: {c: {from: .data, expect: x}}}, {with: {type: b}, correlate: {c: {from: .data, expect: y}}}]}}}}]
    """
    When the definition is registered
    Then the definition should be refused with 'contradiction'

  Scenario: Another listen begins anew
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  do:
                    - a: {listen: {to: {one: {with: {type: own.anew.a}, correlate: {order: {from: .data}}}}}}
                    - go: {emit: {event: {with: {type: own.anew.b, source: 'https://own.test', data: 2}}}}
              - say:
                  do:
                    - one: {emit: {event: {with: {type: own.anew.a, source: 'https://own.test', data: 1}}}}
              - again:
                  listen: {to: {one: {with: {type: own.anew.b}, correlate: {order: {from: .data}}}}}
          output: {as: '.[2]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [2]
    """

  Scenario: Constants in data are a part of it, and an array is whole
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {one: {with: {type: own.part, data: {a: 1, list: [1]}}}}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.part, source: 'https://own.test', data: {a: 1, list: [1, 2]}}}}}
                  - e1: {emit: {event: {with: {type: own.part, source: 'https://own.test', data: {a: 1, b: 2, list: [1]}}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{a: 1, b: 2, list: [1]}]
    """

  Scenario: A text between ^ and $ is a regular expression, a type with dots is none
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {all: [{with: {type: '^own\.match\.[0-9]+$'}}, {with: {type: own.match.x}}]}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.matchZx, source: 'https://own.test', data: 0}}}}
                  - e1: {emit: {event: {with: {type: own.match.7, source: 'https://own.test', data: 1}}}}
                  - e2: {emit: {event: {with: {type: own.match.x, source: 'https://own.test', data: 2}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [1, 2]
    """

  Scenario: An expression is asked about the data
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {one: {with: {type: own.asked, data: '${ .value > 38 }'}}}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.asked, source: 'https://own.test', data: {value: 37}}}}}
                  - e1: {emit: {event: {with: {type: own.asked, source: 'https://own.test', data: text}}}}
                  - e2: {emit: {event: {with: {type: own.asked, source: 'https://own.test', data: {value: 39}}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{value: 39}]
    """

  Scenario: Foreach begins each iteration with the input of the task, and gives what they give
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {any: [{with: {type: own.each}}], until: '${ length == 2 }'}}
                  foreach: {item: event, at: nth, do: [{make: {set: {got: '${ $event }', nth: '${ $nth }', of: '${ .of }'}}}], output: {as: '[.got, .nth, .of]'}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.each, source: 'https://own.test', data: 7}}}}
                  - e1: {emit: {event: {with: {type: own.each, source: 'https://own.test', data: 8}}}}
          output: {as: '.[0]'}
    """
    And given the workflow input is:
    """yaml
    of: x
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [[7, 0, x], [8, 1, x]]
    """

  Scenario: Foreach without tasks gives the item
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {one: {with: {type: own.item}}}}
                  foreach: {item: event, output: {as: '[., $event]'}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {type: own.item, source: 'https://own.test', data: 7}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [[7, 7]]
    """

  Scenario: An event that fits two listens is taken by both
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - one: {listen: {to: {one: {with: {type: own.two}}}}}
              - two: {listen: {to: {one: {with: {type: own.two}}}}}
              - say: {emit: {event: {with: {type: own.two, source: 'https://own.test', data: 1}}}}
          output: {as: '.[0:2]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [[1], [1]]
    """

  Scenario: A repeat is dropped
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {any: [{with: {type: own.repeat}}], until: '${ length == 2 }'}}
              - say:
                  do:
                  - e0: {emit: {event: {with: {id: '1', type: own.repeat, source: 'https://own.test', data: 1}}}}
                  - e1: {emit: {event: {with: {id: '1', type: own.repeat, source: 'https://own.test', data: 1}}}}
                  - e2: {emit: {event: {with: {id: '2', type: own.repeat, source: 'https://own.test', data: 2}}}}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [1, 2]
    """

  Scenario: A signal waits for the listen that takes it
    Given a workflow with definition:
    """yaml
    do:
      - later: {wait: PT0.3S}
      - hear: {listen: {to: {one: {with: {type: own.signal}}}}}
    """
    When the workflow is started
    And an event is sent to the workflow:
    """yaml
    {id: s1, type: own.signal, data: 7}
    """
    And the workflow has ended
    Then the workflow should complete with output:
    """yaml
    [7]
    """

  Scenario: Any event fits where there is no filter
    Given a workflow with definition:
    """yaml
    # What other scenarios publish fits as well, and may be there first.
    do: [{hear: {listen: {to: {any: [], until: '${ any(.[]; . == "of-all") }'}}, output: {as: '.[-1]'}}}]
    """
    When the workflow is started
    And the workflow listens
    And an event is published:
    """yaml
    {id: a1, source: /own, type: own.whatever, data: of-all}
    """
    And the workflow has ended
    Then the workflow should complete with output:
    """yaml
    of-all
    """

  Scenario: A listen that opens again begins anew
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - hear: {listen: {to: {all: [{with: {type: own.again.a}}, {with: {type: own.again.b}}]}}, timeout: {after: PT0.5S}}
          catch:
            retry: {delay: PT0.1S, backoff: {constant: {}}, limit: {attempt: {count: 1}}}
            as: error
            do: [{told: {set: {type: '${ $error.type | split("/") | last }'}}}]
    """
    When the workflow is started
    And the workflow listens
    And an event is sent to the workflow:
    """yaml
    {id: g1, type: own.again.a}
    """
    And the workflow has ended
    Then the workflow should complete with output:
    """yaml
    {type: timeout}
    """

  Scenario: What is not said of an event is made from the run
    Given a workflow with definition:
    """yaml
    do: [{say: {emit: {event: {with: {type: own.said.bare}}}, output: {as: '[.specversion, .source == "/\($workflow.definition.document | .namespace + "/" + .name + "/" + .version)", .id == "\($workflow.id):1", has("time")]'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ['1.0', true, true, true]
    """

  Scenario: A number as the subject of an event becomes its text
    Given a workflow with definition:
    """yaml
    do: [{say: {emit: {event: {with: {type: own.said.number, subject: '${ 7 }'}}}, output: {as: .subject}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    '7'
    """

  Scenario: An object as the subject of an event is an expression error
    Given a workflow with definition:
    """yaml
    do: [{say: {emit: {event: {with: {type: own.said.object, subject: '${ {} }'}}}}}]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/expression', status: 400, instance: /do/0/say}
    """

  Scenario: An exit ends the iteration of a foreach
    Given a workflow with definition:
    """yaml
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: {to: {any: [{with: {type: own.exit}}], until: '${ length == 2 }'}}
                  foreach: {item: event, do: [{leave: {set: {n: '${ $event }'}, then: exit}}, {never: {set: {n: none}}}]}
              - say: {do: [{a: {emit: {event: {with: {type: own.exit, data: 1}}}}}, {b: {emit: {event: {with: {type: own.exit, data: 2}}}}}]}
          output: {as: '.[0]'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{n: 1}, {n: 2}]
    """

  Scenario: What was published before a listen opened is not heard
    Given a workflow with definition:
    """yaml
    do: [{hear: {listen: {to: {one: {with: {type: own.early}}}}}}]
    """
    When an event is published:
    """yaml
    {id: e1, source: /own, type: own.early, data: early}
    """
    And what was published has been taken
    And the workflow is started
    And the workflow listens
    And an event is published:
    """yaml
    {id: e2, source: /own, type: own.early, data: in time}
    """
    And the workflow has ended
    Then the workflow should complete with output:
    """yaml
    [in time]
    """

  Scenario: A run keeps a thousand events that it has not taken
    Given a workflow with definition:
    """yaml
    do: [{hear: {listen: {to: {one: {with: {type: own.full.end}}}}}}]
    """
    When the workflow is started
    And the workflow listens
    And 1000 events are sent to the workflow:
    """yaml
    {id: '{n}', type: own.full}
    """
    Then an event should be refused with 429:
    """yaml
    {id: more, type: own.full}
    """
    When the workflow is cancelled
    And the workflow has ended
    Then the workflow should cancel

  Scenario: A listen keeps 4 MiB
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - both:
                fork:
                  branches:
                    - hear: {listen: {to: {any: [{with: {type: own.much}}], until: '${ length == 6 }'}}, output: {as: length}}
                    - say: {for: {in: '[range(6)]'}, do: [{e: {emit: {event: {with: {type: own.much, data: '${ "x" * 900000 }'}}}, output: {as: 'null'}}}]}
          catch:
            as: error
            do: [{told: {set: {type: '${ $error.type | split("/") | last }', at: '${ $error.instance }'}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {type: runtime, at: /do/0/careful/try/0/both/fork/branches/0/hear}
    """
