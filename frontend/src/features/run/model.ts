/** From what the API gives to what is drawn. */

import type { AttemptStatus, Task, TaskStatus } from '../../api/types'
import { isMended, mends, type Fate, type Task as Drawn } from '../../lib/seam'
import type { Known, State } from '../../lib/standing'
import type { Tone } from '../../lib/status'

const FATE: Record<AttemptStatus, Fate> = {
  scheduled: 'open',
  running: 'open',
  completed: 'completed',
  failed: 'failed',
  timed_out: 'timed_out',
  lost: 'lost',
  cancelled: 'cancelled',
}

export const ATTEMPT_TONE: Record<AttemptStatus, Tone> = {
  scheduled: 'quiet',
  running: 'live',
  completed: 'good',
  failed: 'bad',
  timed_out: 'bad',
  lost: 'bad',
  cancelled: 'quiet',
}

export const TASK_TONE: Record<TaskStatus, Tone> = {
  queued: 'hold',
  scheduled: 'quiet',
  running: 'live',
  backing_off: 'hold',
  completed: 'good',
  failed: 'bad',
  dead_lettered: 'bad',
  quarantined: 'bad',
  cancelled: 'quiet',
  interrupted: 'hold',
}

/** What a task's status is in the drawing of its definition. */
const STATE: Record<TaskStatus, State> = {
  queued: 'waiting',
  scheduled: 'waiting',
  running: 'running',
  backing_off: 'retrying',
  completed: 'done',
  failed: 'failed',
  dead_lettered: 'dead',
  quarantined: 'dead',
  cancelled: 'stopped',
  interrupted: 'stopped',
}

export const STATE_TONE: Record<State, Tone> = {
  dead: 'bad',
  running: 'live',
  retrying: 'hold',
  waiting: 'hold',
  done: 'good',
  failed: 'bad',
  stopped: 'quiet',
  skipped: 'quiet',
}

export const TASK_MEANING: Record<TaskStatus, string> = {
  queued: 'It waits for its turn: only so many are given out at a time.',
  scheduled: 'An attempt was given out; no worker has said yet that it is at it.',
  running: 'A worker is at it.',
  backing_off: 'It failed; the next attempt follows after a pause.',
  completed: 'Done.',
  failed: 'It failed, and the workflow dealt with the error.',
  dead_lettered: 'It exhausted its policy; a redrive gives it new attempts.',
  quarantined: 'Workers died with it, so it is kept away from them. A redrive gives it to workers again.',
  cancelled: 'No longer wanted.',
  interrupted: 'Its run faulted; a redrive takes it up again.',
}

/** Names that more than one task has, as in a loop: their numbers tell them apart. */
export function repeated(tasks: readonly Task[]): ReadonlySet<string> {
  const seen = new Set<string>()
  return new Set(tasks.filter(({ name }) => seen.size === seen.add(name).size).map(({ name }) => name))
}

export function drawn(task: Task): Drawn {
  return {
    key: task.task,
    name: task.name,
    number: task.number,
    pointer: task.pointer,
    status: task.status,
    attempts: task.attempts.map((attempt) => ({
      epoch: attempt.epoch,
      fate: FATE[attempt.status],
      worker: attempt.worker,
      dispatchedAt: attempt.scheduled_at,
      startedAt: attempt.started_at,
      endedAt: attempt.ended_at,
      seenAt: attempt.seen_at,
      retryAt: attempt.retry_at,
      cause: attempt.cause,
      error: attempt.error,
    })),
  }
}

/** What the drawing has to know of a task. */
export function known(task: Task): Known {
  return { number: task.number, pointer: task.pointer, state: STATE[task.status], mends: mends(drawn(task)).filter(isMended).length }
}

/** The id of the dead letter that a task is, by its newest attempt. */
export function deadLetterOf(task: Task): string | undefined {
  return task.status === 'dead_lettered' || task.status === 'quarantined' ? `${task.task}:${task.epoch}` : undefined
}
