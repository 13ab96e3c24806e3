/**
 * Where a run broke and what mended it, and how that is drawn: a timeline of attempts in which a
 * broken attempt is joined to the one that mended it by a seam.
 */

import { faultText, lossText, type Fault } from './history'
import { toMs, type Instant } from './time'

/** What came of an attempt. */
export type Fate = 'open' | 'completed' | 'failed' | 'timed_out' | 'lost' | 'cancelled'

/** An attempt, as the API gives it. */
export interface Attempt {
  epoch: number
  fate: Fate
  worker?: string | null | undefined
  dispatchedAt: Instant
  startedAt?: Instant | null | undefined
  endedAt?: Instant | null | undefined
  cause?: string | null | undefined
  seenAt?: Instant | null | undefined
  error?: Fault | null | undefined
}

/** A task with its attempts, oldest first. */
export interface Task {
  key: string
  name: string
  pointer: string
  attempts: readonly Attempt[]
}

/** A break, and the attempt that mended it, where there is one yet. */
export interface Mend {
  task: string
  name: string
  broken: number
  brokenAt: number
  worker: string | undefined
  why: string
  mended: { epoch: number; at: number; worker: string | undefined; ms: number; fate: Fate } | undefined
}

const BROKEN: Record<Fate, boolean> = {
  open: false,
  completed: false,
  cancelled: false,
  failed: true,
  timed_out: true,
  lost: true,
}

/** Why an attempt broke, in one line. */
export function whyBroken(attempt: Attempt): string {
  if (attempt.fate === 'lost') return lossText(attempt.cause ?? undefined, attempt.worker)
  if (attempt.fate === 'timed_out') return 'it took longer than it may'
  return faultText(attempt.error)
}

/** Every break of a task, in order. Time to mend runs from where the break was seen until a worker is at it again. */
export function mends(task: Task): Mend[] {
  return task.attempts.flatMap((attempt, index) => {
    if (!BROKEN[attempt.fate]) return []
    const next = task.attempts[index + 1]
    const brokenAt = toMs(attempt.seenAt) ?? toMs(attempt.endedAt) ?? toMs(next?.dispatchedAt) ?? toMs(attempt.dispatchedAt) ?? 0
    const given = toMs(next?.dispatchedAt)
    const at = toMs(next?.startedAt) ?? given
    return [
      {
        task: task.key,
        name: task.name,
        broken: attempt.epoch,
        brokenAt,
        worker: attempt.worker ?? undefined,
        why: whyBroken(attempt),
        mended:
          next && at !== undefined
            ? { epoch: next.epoch, at, worker: next.worker ?? undefined, ms: Math.max(0, at - brokenAt), fate: next.fate }
            : undefined,
      },
    ]
  })
}

/** A piece of the vessel: an attempt, in pixels. */
export interface Piece {
  attempt: Attempt
  x: number
  width: number
  /** Where the worker took it up; none: it waited to the end, or nobody said. */
  startX: number | undefined
  broken: boolean
}

/** The gold between two pieces, in pixels. */
export interface Seam {
  mend: Mend
  from: number
  to: number
}

export interface Row {
  task: Task
  pieces: Piece[]
  seams: Seam[]
}

export interface Chart {
  rows: Row[]
  start: number
  span: number
  /** Pixels of an instant. */
  x: (at: number) => number
}

/** No piece is narrower, so that it can be seen and hit. */
const PIECE_MIN = 5
/** No seam is narrower: a mend that took a millisecond is one, too. */
const SEAM_MIN = 10

/**
 * Lays the attempts of `tasks` out on `width` pixels. What is open reaches to `now`. Pieces of one
 * row never overlap and keep their order: where the true gap is narrower than a seam must be, the
 * later piece is moved on.
 */
export function layout(tasks: readonly Task[], width: number, now: number): Chart {
  const instants = tasks.flatMap((task) =>
    task.attempts.flatMap((attempt) => [toMs(attempt.dispatchedAt), toMs(attempt.endedAt) ?? (attempt.fate === 'open' ? now : undefined)]),
  )
  const known = instants.filter((at): at is number => at !== undefined)
  const start = known.reduce((a, b) => Math.min(a, b), known[0] ?? now)
  const end = known.reduce((a, b) => Math.max(a, b), start)
  const span = Math.max(1, end - start)
  const x = (at: number) => ((at - start) / span) * Math.max(0, width)
  return { rows: tasks.map((task) => row(task, x, now)), start, span, x }
}

function row(task: Task, x: (at: number) => number, now: number): Row {
  const pieces: Piece[] = []
  let free = Number.NEGATIVE_INFINITY
  for (const attempt of task.attempts) {
    const begin = toMs(attempt.dispatchedAt) ?? now
    const end = Math.max(begin, toMs(attempt.endedAt) ?? (attempt.fate === 'open' ? now : begin))
    const left = Math.max(x(begin), free)
    const right = Math.max(x(end), left + PIECE_MIN)
    const started = toMs(attempt.startedAt)
    const startX = started === undefined ? undefined : Math.min(right, Math.max(left, x(started)))
    pieces.push({ attempt, x: left, width: right - left, startX, broken: BROKEN[attempt.fate] })
    free = right + (BROKEN[attempt.fate] ? SEAM_MIN : 1)
  }
  const seams = mends(task).flatMap((mend): Seam[] => {
    const broken = pieces.findIndex((piece) => piece.attempt.epoch === mend.broken)
    const [from, to] = [pieces[broken], pieces[broken + 1]]
    return from && to && mend.mended ? [{ mend, from: from.x + from.width, to: to.x }] : []
  })
  return { task, pieces, seams }
}

/**
 * The crack as an SVG path from `from` to `to`, `height` high: a break at each end and a vein
 * between. The same numbers always give the same crack.
 */
export function crack(from: number, to: number, height: number): string {
  const edge = (at: number) => `M${at},0 l2.5,${height * 0.3} l-4,${height * 0.2} l3.5,${height * 0.25} l-2,${height * 0.25}`
  const middle = height / 2
  const steps = Math.max(1, Math.min(24, Math.floor((to - from) / 9)))
  const vein = Array.from({ length: steps }, (_, index) => {
    const at = from + ((to - from) * (index + 1)) / steps
    const sway = index === steps - 1 ? 0 : (index % 2 === 0 ? -1 : 1) * (1.5 + ((index * 7) % 3))
    return `L${at.toFixed(1)},${(middle + sway).toFixed(1)}`
  })
  return [edge(from), `M${from},${middle}`, ...vein, edge(to)].join(' ')
}
