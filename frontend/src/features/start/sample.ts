/** The sample workflow: an order whose payment can be made to break in every way the engine mends. */

export const SAMPLE = 'demo/mended-order:1.0.0'

export const SAMPLE_SOURCE = `# An order: reserve the goods, charge the card, then tell the customer and ship at the same time.
# The input's "mode" says what happens while the card is charged: succeed, crash, fail_times, …
document:
  dsl: 1.0.0
  namespace: demo
  name: mended-order
  version: 1.0.0
  title: An order that is mended
  summary: Charging the card breaks in the way that the input asks for.
do:
  - reserve:
      call: simulate
      with:
        mode: succeed
        duration_ms: 300
        output: { reserved: true }
  - charge:
      call: simulate
      with:
        mode: \${ $workflow.input.mode }
        duration_ms: 1500
        times: 1
        output: { charged: true, receipt: R-1001 }
      export:
        as: '\${ { payment: . } }'
      metadata:
        kintsugi:
          start_to_close: 6s
          retry: { initial_interval: 500ms, backoff: exponential, maximum_attempts: 3 }
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

/** What can be made to happen, with what then follows. */
export const MODES = [
  { mode: 'crash', name: 'Crash the worker', then: 'The worker’s process dies in the middle of the payment. Its tasks are given to another, and the run completes.' },
  { mode: 'fail_times', name: 'Fail once', then: 'The payment fails once, is tried again after a pause, and succeeds.' },
  { mode: 'freeze', name: 'Freeze the worker', then: 'The worker’s process stops without dying. Nobody answers for it, so its tasks are taken over.' },
  { mode: 'hang', name: 'Hang once', then: 'The first attempt never ends. It is cut off after 6 seconds, and the next one succeeds.' },
  { mode: 'fail', name: 'Fail every time', then: 'The payment fails three times and becomes a dead letter. The run waits until you redrive it, perhaps with an edited input.' },
  { mode: 'fatal', name: 'Cannot be done', then: 'The worker says that trying again will not help: a dead letter at once.' },
  { mode: 'garbage', name: 'Answer garbage', then: 'The worker sends a result that makes no sense. The engine sets it aside and goes on.' },
  { mode: 'huge', name: 'Answer too much', then: 'The worker’s output is over the limit and is refused by name.' },
  { mode: 'succeed', name: 'No failure', then: 'Everything goes well.' },
] as const

export type Mode = (typeof MODES)[number]['mode']
