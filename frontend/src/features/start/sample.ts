/** The sample workflow: an order whose payment can be made to break in every way the engine mends. */

export const SAMPLE = 'demo/mended-order:1.1.0'

export const SAMPLE_SOURCE = `# An order: reserve the goods, charge the card, then tell the customer and ship at the same time.
# The input's "mode" says what happens while the card is charged: succeed, crash, fail_times, …
document:
  dsl: 1.0.3
  namespace: demo
  name: mended-order
  version: 1.1.0
  title: An order that is mended
  summary: Charging the card breaks in the way that the input asks for.
do:
  - reserve:
      call: simulate
      with:
        mode: succeed
        duration_ms: 400
        output: { reserved: true }
  - charge: # the task with the simulated failure
      call: simulate
      with:
        mode: \${ $workflow.input.mode }
        duration_ms: \${ $workflow.input.duration_ms // 1500 }
        times: \${ $workflow.input.times // 1 }
        output: { charged: true, receipt: R-1001 }
      export:
        as: '\${ { payment: . } }'
      metadata:
        kintsugi:
          start_to_close: 6s
          retry: { initial_interval: 1s, backoff: exponential, maximum_attempts: 3 }
          when_exhausted: park
  - deliver:
      fork:
        branches:
          - notify:
              call: simulate
              with: { mode: succeed, duration_ms: 400, output: { notified: true } }
          - ship:
              call: simulate
              with: { mode: succeed, duration_ms: 900, output: { tracking: KN-42 } }
  - summarise:
      set:
        order: \${ $workflow.input.order }
        status: delivered
        receipt: \${ $context.payment.receipt }
`

/** What can be made to happen, and what is then to be seen. */
export const MODES = [
  {
    mode: 'crash',
    name: 'Crash the worker',
    then: 'The worker’s process dies in the middle of the payment.',
    see: ['The run is running, and a worker takes up “charge”.', 'Its process dies. The failure detector sees that nobody answers for it.', 'The task is given out again at once, and another worker takes it up.', 'The run completes.'],
  },
  {
    mode: 'fail_times',
    name: 'Fail once',
    then: 'The payment fails, and succeeds when it is tried again.',
    see: ['A worker takes up “charge” and reports a failure.', 'The retry engine schedules the next attempt, one second later.', 'A worker picks it up again, and it succeeds.', 'The run completes.'],
  },
  {
    mode: 'freeze',
    name: 'Freeze the worker',
    then: 'The worker’s process stops without dying.',
    see: ['A worker takes up “charge” and then neither beats nor answers.', 'The failure detector asks it, gets no answer, and takes the task away.', 'Another worker takes it up. A late result of the frozen one would be refused.', 'The run completes.'],
  },
  {
    mode: 'hang',
    name: 'Hang',
    then: 'The payment never comes back.',
    see: ['A worker takes up “charge” and stays at it.', 'After 6 seconds, the time limit, the attempt is cut off.', 'The next attempt follows after a pause.', 'If it hangs as well, “charge” becomes a dead letter.'],
  },
  {
    mode: 'fail',
    name: 'Fail every time',
    then: 'No attempt succeeds.',
    see: ['“charge” fails three times, with longer and longer pauses in between.', 'It becomes a dead letter, and the run waits.', 'Redrive it from the dead letter, for example with {"mode": "succeed"}.', 'The run goes on and completes.'],
  },
  {
    mode: 'fatal',
    name: 'Cannot be done',
    then: 'The worker says that trying again will not help.',
    see: ['“charge” fails once, for good.', 'It becomes a dead letter at once, and the run waits until you redrive it.'],
  },
  {
    mode: 'garbage',
    name: 'Answer garbage',
    then: 'The worker sends a result that makes no sense.',
    see: ['The engine puts the result aside and keeps it for you.', 'The attempt goes on to its proper result, and the run completes.'],
  },
  {
    mode: 'huge',
    name: 'Answer too much',
    then: 'The worker’s output is over the limit.',
    see: ['The output is refused by name, which fails the attempt.', 'What follows is as with every other failure.'],
  },
  { mode: 'succeed', name: 'No failure', then: 'Everything goes well.', see: ['Four tasks, one attempt each, no seam.'] },
] as const

export type Mode = (typeof MODES)[number]['mode']

/** Modes in which a number of attempts breaks. */
export const COUNTED: ReadonlySet<Mode> = new Set(['crash', 'fail_times', 'freeze', 'hang'])
