/** The statuses, and the tone that each is drawn in. The maps are total: a new status does not compile until it is drawn. */

export const RUN_STATUSES = ['pending', 'running', 'waiting', 'suspended', 'cancelled', 'faulted', 'completed'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]

/** Gold is for mends alone: no status has it. */
export type Tone = 'quiet' | 'live' | 'hold' | 'good' | 'bad' | 'mend'

export const RUN_TONE: Record<RunStatus, Tone> = {
  pending: 'quiet',
  running: 'live',
  waiting: 'hold',
  suspended: 'hold',
  cancelled: 'quiet',
  faulted: 'bad',
  completed: 'good',
}

export const RUN_MEANING: Record<RunStatus, string> = {
  pending: 'Accepted and stored; not begun yet.',
  running: 'Work is under way.',
  waiting: 'Only timers or parked dead letters are open.',
  suspended: 'Held by a person.',
  cancelled: 'Ended on request.',
  faulted: 'Ended with an error; a redrive may take it up again.',
  completed: 'Ended with an output.',
}

export function isRunStatus(text: string): text is RunStatus {
  return (RUN_STATUSES as readonly string[]).includes(text)
}

/** Whether nothing more happens by itself. */
export function isOver(status: string): boolean {
  return status === 'completed' || status === 'faulted' || status === 'cancelled'
}
