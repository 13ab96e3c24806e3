/** The steps of a run's history, as the engine's core writes them (`core::Step`), told in sentences. */

import type { Tone } from './status'
import { clock, duration, toMs, type Instant } from './time'

/** An error of the specification (RFC 9457 in form). */
export interface Fault {
  type?: string
  status?: number
  instance?: string | null
  title?: string | null
  detail?: string | null
}

/** A fact. `event` says which; the rest depends on it. */
export interface Fact {
  event: string
  task?: number
  epoch?: number
  pointer?: string
  /** Of a run that this one started: what became of it. */
  child?: string
  task_type?: string
  queue?: string
  worker?: string | null
  cause?: string
  seen_at?: Instant
  at?: Instant
  due_at?: Instant
  retry_at?: Instant | null
  until?: Instant
  failures?: number
  edited?: boolean
  quarantined?: boolean
  title?: string
  key?: string
  limit?: number
  by?: string | null
  assignees?: readonly string[]
  count?: number
  type?: string
  current?: number
  reason?: string | null
  error?: Fault
  /** Of what was asked by hand: what came of it. */
  done?: string
  /** What was asked, where it was refused, and why. */
  asked?: string
  detail?: string
}

/** One accepted input and what followed. */
export interface Step {
  at: Instant
  input: { kind: string; worker?: string | null }
  events: readonly Fact[]
  /** Its place in the history. */
  place?: string
}

/** The steps of entries that stand in order. */
export function stepsOf(entries: readonly { seq: number; steps: readonly Step[] }[]): Step[] {
  return entries.flatMap(({ seq, steps }) => steps.map((step, index) => ({ ...step, place: `${seq}.${index}` })))
}

export interface Sentence {
  /** Its place in the history: stays the same whatever is told besides. */
  key: string
  at: number
  tone: Tone
  text: string
}

/** The last name in a JSON pointer: `/do/1/charge` reads `charge`. */
export function taskName(pointer: string | undefined): string {
  const name = pointer?.split('/').filter((part) => part !== '').at(-1)
  return name === undefined ? 'a task' : name.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** One line for an error. */
export function faultText(fault: Fault | null | undefined): string {
  if (!fault) return 'no reason was given'
  return fault.detail ?? fault.title ?? fault.type?.split('/').at(-1) ?? 'no reason was given'
}

/** `worker w-1`; a name that begins so is not told twice. */
function called(worker: string): string {
  return /^worker/i.test(worker) ? worker : `worker ${worker}`
}

/** Why an attempt will give no result. */
const LOSS: Readonly<Record<string, (worker: string) => string>> = {
  worker_dead: (worker) => `${worker} died`,
  worker_frozen: (worker) => `${worker} froze: connected, but it neither beat nor answered`,
  lease_dropped: (worker) => `${worker} let go of it without a result`,
  redelivered: () => 'the broker delivered it again, since nobody had acknowledged it',
  undeliverable: () => 'the broker gave up delivering it',
  message_lost: () => 'its message was in no stream, and no worker had it',
  deferred: (worker) => `${worker} put it off, since what it calls is left alone for now; that counts for nothing`,
  broker_restarted: () => 'the broker was restarted and may have delivered it before',
}

export function lossText(cause: string | undefined, worker: string | null | undefined): string {
  const who = worker ? called(worker) : 'its worker'
  return (cause && LOSS[cause]?.(who)) ?? `it was lost (${cause ?? 'cause unknown'})`
}

/** Why a task is a dead letter, in one line: its last error, or how its last worker was lost. */
export function causeText(letter: { error?: Fault | undefined; attempts: readonly { lost?: string | undefined; worker?: string | undefined }[] }): string {
  const last = letter.attempts.at(-1)
  return !letter.error && last?.lost ? capital(lossText(last.lost, last.worker)) : faultText(letter.error)
}

type Teller = (fact: Fact, name: string, at: number) => [Tone, string]

/** In how long, seen from `at`. */
function within(at: number, then: Instant | null | undefined): string {
  const ms = toMs(then)
  return ms === undefined ? '' : ` in ${duration(Math.max(0, ms - at))}`
}

const by = (fact: Fact) => (fact.worker ? ` by ${called(fact.worker)}` : '')

const named = (before: string, names: readonly string[] | undefined) => (names && names.length > 0 ? before + names.join(', ') : '')

/** What came of something that a person asked of the run, by what was done. */
const BY_HAND: Readonly<Record<string, (fact: Fact, name: string) => [Tone, string]>> = {
  run_suspended: () => ['hold', 'The run was suspended'],
  run_resumed: () => ['live', 'The run goes on'],
  run_rerun: (fact) => ['mend', `The run begins anew at ${taskName(fact.pointer)}${fact.edited ? ' with an edited input' : ''}`],
  run_terminated: () => ['quiet', 'The run was terminated'],
  variables_changed: () => ['mend', 'The variables were changed'],
  task_retried: (_fact, name) => ['mend', `${capital(name)} was given out before its time`],
  task_completed: (_fact, name) => ['mend', `${capital(name)} was completed`],
  task_failed: (fact, name) => ['bad', `${capital(name)} was failed (${faultText(fact.error)})`],
  task_skipped: (_fact, name) => ['mend', `${capital(name)} was skipped`],
  refused: (fact) => ['quiet', `Refused to ${fact.asked ?? 'do what was asked'} (${fact.detail ?? 'no reason was given'})`],
}

function byHand(fact: Fact, name: string): [Tone, string] {
  const done = fact.done ?? '?'
  const [tone, text] = BY_HAND[done]?.(fact, name) ?? ['quiet', capital(done.replaceAll('_', ' '))]
  return [tone, `${text} by hand${fact.by ? `, by ${fact.by}` : ''}${fact.reason ? `: ${fact.reason}` : '.'}`]
}

const TELL: Readonly<Record<string, Teller>> = {
  run_started: () => ['live', 'The run began.'],
  run_completed: () => ['good', 'The run completed.'],
  run_faulted: (fact) => ['bad', `The run faulted: ${faultText(fact.error)}`],
  run_cancelling: (fact) => ['quiet', `The run was asked to end, and tidies up first${fact.reason ? `: ${fact.reason}` : '.'}`],
  run_cancelled: (fact) => ['quiet', `The run was cancelled${fact.reason ? `: ${fact.reason}` : '.'}`],
  task_entered: (fact) => ['quiet', `Entered ${taskName(fact.pointer)}.`],
  task_left: (fact) => ['quiet', `Done with ${taskName(fact.pointer)}.`],
  task_skipped: (fact) => ['quiet', `Skipped ${taskName(fact.pointer)}: its condition did not hold.`],
  task_queued: (fact, name) => ['hold', `${capital(name)} waits for its turn: at most ${fact.limit ?? '?'} at a time for “${fact.key ?? '?'}”.`],
  task_dispatched: (fact, name) => [
    'live',
    `Attempt ${fact.epoch ?? '?'} of ${name} was given out to workers for “${fact.task_type ?? '?'}” on queue “${fact.queue ?? '?'}”.`,
  ],
  task_started: (fact, name) => ['live', `${capital(called(fact.worker ?? '?'))} took up attempt ${fact.epoch ?? '?'} of ${name}.`],
  task_completed: (fact, name) => ['good', `${capital(name)} completed with attempt ${fact.epoch ?? '?'}${by(fact)}.`],
  task_failed: (fact, name) => ['bad', `Attempt ${fact.epoch ?? '?'} of ${name} failed: ${faultText(fact.error)}`],
  task_timed_out: (fact, name) => ['bad', `Attempt ${fact.epoch ?? '?'} of ${name} took longer than it may.`],
  task_lost: (fact, name, at) => {
    const seen = toMs(fact.seen_at)
    const when = seen === undefined || Math.abs(at - seen) < 2 ? '' : ` (seen at ${clock(seen)})`
    return ['bad', `Attempt ${fact.epoch ?? '?'} of ${name} was lost: ${lossText(fact.cause, fact.worker)}${when}.`]
  },
  task_deferred: (fact, name, at) => [
    'hold',
    `Attempt ${fact.epoch ?? '?'} of ${name} was put off${by(fact)}, since what it calls is left alone; it comes again${within(at, fact.until)}, and that counts for nothing.`,
  ],
  retry_scheduled: (fact, name, at) => [
    'hold',
    `${capital(name)} is tried again${within(at, fact.at)} (${fact.failures ?? 0} failed so far).`,
  ],
  task_dead_lettered: (fact, name) =>
    fact.quarantined === true
      ? ['bad', `${capital(name)} is kept away from workers: ${faultText(fact.error)}`]
      : ['bad', `${capital(name)} exhausted its policy and is a dead letter: ${faultText(fact.error)}`],
  task_redriven: (fact, name) => ['mend', `${capital(name)} was redriven${fact.edited ? ' with an edited input' : ''}.`],
  task_cancelled: (fact, name) => ['quiet', `Attempt ${fact.epoch ?? '?'} of ${name} is no longer wanted.`],
  result_refused: (fact, name) => [
    'mend',
    `A late result for ${name} came under attempt ${fact.epoch ?? '?'}${by(fact)} and was refused: attempt ${fact.current ?? '?'} counts.`,
  ],
  timer_started: (fact, _name, at) => ['hold', `${capital(taskName(fact.pointer))} waits${within(at, fact.due_at)}.`],
  timer_fired: (fact) => ['live', `The wait of ${taskName(fact.pointer)} is over.`],
  listen_started: (_fact, name) => ['hold', `${capital(name)} waits for events.`],
  listen_ended: (fact, name) => ['live', `${capital(name)} is done with ${fact.count === 1 ? 'one event' : `${fact.count ?? 0} events`}.`],
  event_received: (fact, name) => ['live', `${capital(name)} took an event of type ${fact.type ?? '?'}.`],
  event_emitted: (fact) => ['live', `${capital(taskName(fact.pointer))} published an event of type ${fact.type ?? '?'}.`],
  human_task_asked: (fact) => ['hold', `A person is asked: “${fact.title ?? '?'}”${named(' for ', fact.assignees)}.`],
  human_task_due: (fact) => ['bad', `It is due: “${fact.title ?? '?'}”${named(', given to ', fact.assignees)}.`],
  human_task_answered: (fact, name) => ['good', `${capital(name)} was answered${fact.by ? ` by ${fact.by}` : ''}.`],
  human_task_withdrawn: (_fact, name) => ['quiet', `An answer to ${name} is no longer wanted.`],
  steered: byHand,
  error_caught: (fact, _name, at) => [
    'hold',
    `${capital(taskName(fact.pointer))} caught an error (${faultText(fact.error)}) and ${
      toMs(fact.retry_at) === undefined ? 'handles it' : `tries again${within(at, fact.retry_at)}`
    }.`,
  ],
}

export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

const BROKEN = new Set(['task_lost', 'task_failed', 'task_timed_out'])

/**
 * Tells a history in sentences, oldest first. An attempt that follows a break is a mend and says
 * how long the mending took. An event of a newer engine is told by its name. `known` names tasks
 * whose beginning is not among the steps.
 */
export function tell(steps: readonly Step[], known: ReadonlyMap<number, string> = new Map()): Sentence[] {
  const names = new Map(known)
  const broken = new Map<number, number>()
  return steps.flatMap((step, position) => {
    const at = toMs(step.at) ?? 0
    return step.events.map((fact, index): Sentence => {
      const key = `${step.place ?? position}.${index}`
      if (fact.task !== undefined && fact.pointer !== undefined) names.set(fact.task, taskName(fact.pointer))
      const name = fact.task === undefined ? 'a task' : (names.get(fact.task) ?? `task ${fact.task}`)
      const [tone, text] = TELL[fact.event]?.(fact, name, at) ?? ['quiet', `${fact.event.replaceAll('_', ' ')}.`]
      if (fact.task !== undefined && BROKEN.has(fact.event)) broken.set(fact.task, toMs(fact.seen_at) ?? at)
      const since = fact.task === undefined ? undefined : broken.get(fact.task)
      if (fact.event !== 'task_dispatched' || since === undefined || fact.task === undefined) return { key, at, tone, text }
      broken.delete(fact.task)
      return { key, at, tone: 'mend', text: `${text.slice(0, -1)}, ${duration(at - since)} after the break was seen.` }
    })
  })
}
