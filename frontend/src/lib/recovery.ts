/** The recovery log: kinds of breaks in words, and how long mends take. */

export interface Kind {
  name: string
  meaning: string
  seenBy: string
}

const DETECTOR = 'the failure detector'

export const RECOVERY_KINDS: Readonly<Record<string, Kind>> = {
  worker_dead: { name: 'worker died', meaning: 'Heartbeats stopped, and nobody answers for it at the broker.', seenBy: DETECTOR },
  worker_frozen: { name: 'worker froze', meaning: 'It is connected, but it neither beats nor answers.', seenBy: DETECTOR },
  lease_dropped: { name: 'lease dropped', meaning: 'The worker lives, and no longer has the task.', seenBy: DETECTOR },
  redelivered: { name: 'message redelivered', meaning: 'The broker delivered the task a second time: whoever had it did not acknowledge it.', seenBy: 'a worker' },
  undeliverable: { name: 'undeliverable', meaning: 'The broker gave up delivering the task.', seenBy: 'the retry engine' },
  message_lost: { name: 'message lost', meaning: 'The task was in no stream, and no worker had it.', seenBy: DETECTOR },
  task_timeout: { name: 'timed out', meaning: 'The attempt took longer than it may.', seenBy: 'the clock' },
  result_fenced: { name: 'late result refused', meaning: 'A result came under an attempt that was over.', seenBy: 'the orchestrator' },
  zombie_refused: { name: 'zombie refused', meaning: 'A worker spoke of an attempt that had been given to another one; it was refused, and told to stop.', seenBy: DETECTOR },
  service_stalled: { name: 'service stalled', meaning: 'A service was there and did not move; others took over what they could.', seenBy: DETECTOR },
  service_lost: { name: 'service lost', meaning: 'A service fell silent, nobody answered for it, and it had not said that it stops; others of its kind took over.', seenBy: DETECTOR },
  promise_breached: { name: 'promise broken', meaning: 'What must never be was found: a promise, by its number, and whether it is kept again.', seenBy: 'the monitoring service' },
  stream_lost: { name: 'stream lost', meaning: 'A stream of the broker was gone and was made anew; every open run was compared with who holds what.', seenBy: DETECTOR },
}

/** A kind that a newer engine knows is called by its name. */
export function recoveryKind(kind: string): Kind {
  return RECOVERY_KINDS[kind] ?? { name: kind.replaceAll('_', ' '), meaning: kind, seenBy: 'the engine' }
}

/** How often each kind was mended, from the system's summary. */
export function recoveryCounts(summary: unknown): ReadonlyMap<string, number> {
  const list = typeof summary === 'object' && summary !== null && 'recoveries' in summary ? summary.recoveries : undefined
  const found = new Map<string, number>()
  for (const one of Array.isArray(list) ? (list as unknown[]) : []) {
    if (typeof one !== 'object' || one === null || !('kind' in one) || !('count' in one)) continue
    if (typeof one.kind === 'string' && typeof one.count === 'number') found.set(one.kind, one.count)
  }
  return found
}

/** The middle, the end and the length of a list of times; none for an empty one. */
export function spread(times: readonly number[]): { count: number; p50: number; p99: number; max: number } | undefined {
  if (times.length === 0) return undefined
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
