/** Why a run is not further: the question that a person asks first. */

import { duration, toMs, type Instant } from './time'

export interface OpenTask {
  task: string
  name: string
  status: string
  type: string
  queue: string
  epoch: number
  failures: number
  retry_at?: Instant | undefined
  attempts: readonly { scheduled_at: Instant }[]
}

export interface Serving {
  alive: boolean
  stopping: boolean
  types: readonly { queue: string; type: string }[]
}

/** A reason; with a dead letter to look at, or a command that helps. */
export interface Reason {
  text: string
  letter?: string
  command?: string
}

/** A worker takes a task up in far less, so until then there is nothing to explain. */
const GRACE_MS = 2_000

function reason(task: OpenTask, workers: readonly Serving[] | undefined, now: number): Reason[] {
  if (task.status === 'dead_lettered') {
    return [{ text: `${task.name} is a dead letter. It goes on when you redrive it.`, letter: `${task.task}:${task.epoch}` }]
  }
  if (task.status === 'quarantined') {
    return [{ text: `${task.name} is in quarantine: workers died with it. It goes on when you redrive it.`, letter: `${task.task}:${task.epoch}` }]
  }
  if (task.status === 'backing_off') {
    const ms = (toMs(task.retry_at) ?? now) - now
    return [{ text: `${task.name} failed ${task.failures === 1 ? 'once' : `${task.failures} times`} and is tried again ${ms > 0 ? `in ${duration(Math.ceil(ms / 100) * 100)}` : 'now'}.` }]
  }
  if (task.status === 'queued') return [{ text: `${task.name} waits for its turn: only so many tasks of its kind are given out at a time.` }]
  const since = toMs(task.attempts.at(-1)?.scheduled_at) ?? now
  if (task.status !== 'scheduled' || now - since < GRACE_MS) return []
  const serves = workers?.some((worker) => worker.alive && !worker.stopping && worker.types.some((one) => one.queue === task.queue && one.type === task.type))
  if (workers && !serves) {
    const queue = task.queue === 'default' ? '' : ` --queue ${task.queue}`
    return [{ text: `${task.name} waits for a worker: none serves “${task.type}” on queue “${task.queue}”. Start one:`, command: `kintsugi worker exec ${task.type}${queue} -- ./my-program` }]
  }
  return [{ text: `${task.name} was given out ${duration(Math.floor((now - since) / 1000) * 1000)} ago, and no worker has said yet that it is at it.` }]
}

/** Every reason that is known. With none, and a run that waits, it waits for a timer. */
export function reasons(run: { status: string; wake_at?: Instant | undefined; tasks: readonly OpenTask[] }, workers: readonly Serving[] | undefined, now: number): Reason[] {
  const found = run.tasks.flatMap((task) => reason(task, workers, now))
  const due = toMs(run.wake_at)
  if (found.length > 0 || run.status !== 'waiting' || due === undefined) return found
  return [{ text: due > now ? `It waits for a timer that is due in ${duration(Math.ceil((due - now) / 1000) * 1000)}.` : 'A timer is due now.' }]
}
