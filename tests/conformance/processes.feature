Feature: Processes

  Scenario: A shell gets its arguments, and stdout is the output without the end of its last line
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {shell: {command: 'echo "$1-$2"', arguments: [a, '${ .b }']}}
    """
    And given the workflow input is:
    """yaml
    b: x
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a-x
    """

  Scenario: A shell gets its environment and stdin
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {shell: {command: 'cat; echo " $WHO"', stdin: '${ .in }', environment: {WHO: '${ .who }'}}}
    """
    And given the workflow input is:
    """yaml
    {in: in, who: ada}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    in ada
    """

  Scenario: An exit code that is not 0 is a runtime error
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                run: {shell: {command: exit 3}}
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

  Scenario: The exit code is the output where it is asked for
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {shell: {command: exit 3}, return: code}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3
    """

  Scenario: All of a process is the output where it is asked for
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {shell: {command: 'echo out; echo err >&2; exit 2'}, return: all}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {code: 2, stdout: out, stderr: err}
    """

  Scenario: Stderr is the output where it is asked for
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {shell: {command: 'echo err >&2'}, return: stderr}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    err
    """

  Scenario: None is null
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {shell: {command: echo out}, return: none}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    null
    """

  Scenario: A process that nobody waits for is done when it has started
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {shell: {command: sleep 5}, await: false}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    null
    """

  Scenario: Bytes that are not UTF-8 are an error
    Given a workflow with definition:
    """yaml
    do:
      - careful:
          try:
            - sub:
                metadata: {kintsugi: {retry: {maximum_attempts: 1}}}
                run: {shell: {command: "printf '\\377'"}}
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

  Scenario: A script in Python gets its arguments
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {script: {language: python, code: 'import sys; print(sys.argv[1] + "!")', arguments: ['${ .who }']}}
    """
    And given the workflow input is:
    """yaml
    who: ada
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ada!
    """

  # What stands in for a container engine runs the command line that an engine gets: tests/conformance/container-engine.

  Scenario: The command of a container is a shell's, with the arguments behind it
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {container: {image: none, command: 'echo "$1 and $2: $WHO"', arguments: [a, '${ .b }'], environment: {WHO: ada}}}
    """
    And given the workflow input is:
    """yaml
    b: x y
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    'a and x y: ada'
    """

  Scenario: Without a command, the arguments are the image's
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {container: {image: echo, arguments: [a, '$HOME', '${ .b }']}}
    """
    And given the workflow input is:
    """yaml
    b: x y
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a $HOME x y
    """

  Scenario: The exit code of a container is that of what runs in it
    Given a workflow with definition:
    """yaml
    do:
      - run:
          run: {container: {image: none, command: cat; exit 3, stdin: in}, return: all}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {code: 3, stdout: in, stderr: ''}
    """
