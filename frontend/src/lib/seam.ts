/**
 * Where a run broke and what mended it, and how that is drawn: a timeline of attempts in which a
 * broken attempt is joined to the one that mended it by a seam.
 */

import { faultText, lossText, type Fault } from './history'
import { ticks, toMs, type Instant } from './time'

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
  retryAt?: Instant | null | undefined
  error?: Fault | null | undefined
}

/** A task with its attempts, oldest first. */
export interface Task {
  key: string
  name: string
  number?: number
  pointer: string
  /** How the task itself stands. */
  status?: string
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
  /** Who sees such a break. */
  seenBy: string
  /** When the next attempt is due: it failed, and the policy says to wait. */
  dueAt: number | undefined
  mended: { epoch: number; givenAt: number; at: number; taken: boolean; worker: string | undefined; ms: number; fate: Fate; endedAt: number | undefined } | undefined
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

/** Who saw that an attempt broke. */
function seenBy(attempt: Attempt): string {
  if (attempt.fate === 'timed_out') return 'the clock'
  if (attempt.fate === 'failed') return 'the worker, which said so'
  return attempt.cause === 'redelivered' || attempt.cause === 'undeliverable' ? 'the message broker' : 'the failure detector'
}

/** Whether a break is mended: a worker is at it again, or was. Given out alone is not yet. */
export function isMended({ mended }: Mend): boolean {
  return mended !== undefined && (mended.taken || mended.fate !== 'open')
}

/** Every break of a task, in order. Time to mend runs from where the break was seen until a worker is at it again. */
export function mends(task: Task): Mend[] {
  return task.attempts.flatMap((attempt, index) => (BROKEN[attempt.fate] ? [mend(task, attempt, task.attempts[index + 1])] : []))
}

function mend(task: Task, attempt: Attempt, next: Attempt | undefined): Mend {
  const given = toMs(next?.dispatchedAt)
  const began = toMs(next?.startedAt)
  const brokenAt = toMs(attempt.seenAt) ?? toMs(attempt.endedAt) ?? given ?? toMs(attempt.dispatchedAt) ?? 0
  const at = began ?? given
  return {
    task: task.key,
    name: task.name,
    broken: attempt.epoch,
    brokenAt,
    worker: attempt.worker ?? undefined,
    why: whyBroken(attempt),
    seenBy: seenBy(attempt),
    dueAt: toMs(attempt.retryAt),
    mended:
      next && at !== undefined && given !== undefined
        ? { epoch: next.epoch, givenAt: given, at, taken: began !== undefined, worker: next.worker ?? undefined, ms: Math.max(0, at - brokenAt), fate: next.fate, endedAt: toMs(next.endedAt) }
        : undefined,
  }
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
  /** Stretches in which nothing was at work, drawn shorter than they were. */
  idle: Idle[]
  marks: Mark[]
}

/** A stretch that is drawn shorter. */
export interface Idle {
  from: number
  to: number
  x: number
  width: number
}

/** A place on the axis. */
export interface Mark {
  at: number
  x: number
}

/** No piece is narrower, so that it can be seen and hit. */
const PIECE_MIN = 5
/** No seam is narrower: a mend that took a millisecond is one, too. */
const SEAM_MIN = 10
/** How wide a stretch of idleness is drawn. */
const IDLE_WIDTH = 34
/** What is idle for less than this share of all the work is drawn as long as it was. */
const IDLE_SHARE = 1.5
/** Between marks of the axis. */
const MARK_EVERY = 110

/**
 * Lays the attempts of `tasks` out on `width` pixels. What is open reaches to `now`. Pieces of one
 * row never overlap and keep their order: where the true gap is narrower than a seam must be, the
 * later piece is moved on. Where nothing was at work for long, the axis is cut short, or three
 * seconds of work around two days of waiting would be a line.
 */
export function layout(tasks: readonly Task[], width: number, now: number): Chart {
  const busy = tasks.flatMap((task) => task.attempts.map((attempt) => stretch(attempt, now)))
  const axis = scale(busy, Math.max(0, width), now)
  return { rows: tasks.map((task) => row(task, axis.x, now)), ...axis }
}

/** From when to when an attempt is drawn. */
function stretch(attempt: Attempt, now: number): [number, number] {
  const begin = toMs(attempt.dispatchedAt) ?? now
  return [begin, Math.max(begin, toMs(attempt.endedAt) ?? (attempt.fate === 'open' ? now : begin))]
}

/** Stretches that touch or overlap, as one each, in order. */
function union(stretches: readonly [number, number][]): [number, number][] {
  const all: [number, number][] = []
  for (const [from, to] of [...stretches].sort((a, b) => a[0] - b[0])) {
    const last = all.at(-1)
    if (last && from <= last[1]) last[1] = Math.max(last[1], to)
    else all.push([from, to])
  }
  return all
}

function scale(busy: readonly [number, number][], width: number, now: number): Omit<Chart, 'rows'> {
  const parts = union(busy)
  const start = parts[0]?.[0] ?? now
  const end = parts.at(-1)?.[1] ?? start
  const work = parts.reduce((sum, [from, to]) => sum + to - from, 0)
  const gaps = parts.slice(1).flatMap(([to], index): [number, number][] => {
    const from = parts[index]?.[1] ?? to
    return to - from > Math.max(5_000, work * IDLE_SHARE) ? [[from, to]] : []
  })
  // With many of them there would be no room left for the work.
  const cut = gaps.length * IDLE_WIDTH <= width / 2 ? gaps : []
  const shown = Math.max(1, end - start - cut.reduce((sum, [from, to]) => sum + to - from, 0))
  const perMs = Math.max(0, width - cut.length * IDLE_WIDTH) / shown
  const x = (at: number) => {
    let px = (at - start) * perMs
    for (const [from, to] of cut) {
      if (at <= from) break
      const inside = Math.min(at, to) - from
      px += (inside / (to - from)) * IDLE_WIDTH - inside * perMs
    }
    return px
  }
  const idle = cut.map(([from, to]): Idle => ({ from, to, x: x(from), width: IDLE_WIDTH }))
  return { start, span: Math.max(1, end - start), x, idle, marks: marks(start, end, cut, x) }
}

/** Round instants after the beginning; after a cut, its end, from which people read on. */
function marks(start: number, end: number, cut: readonly [number, number][], x: (at: number) => number): Mark[] {
  const bounds = [start, ...cut.flat(), end]
  const found: Mark[] = []
  for (let part = 0; part < bounds.length; part += 2) {
    const [from, to] = [bounds[part] ?? start, bounds[part + 1] ?? end]
    const count = Math.floor((x(to) - x(from)) / MARK_EVERY)
    for (const after of ticks(to - from, Math.max(1, count))) {
      const at = from + after
      const last = found.at(-1)
      // Room is kept for the instant at which the next part begins.
      const isLast = part + 2 >= bounds.length
      if (after > 0 && (count < 1 || (!isLast && x(to) - x(at) < MARK_EVERY / 2))) break
      if (!last || x(at) - last.x >= MARK_EVERY * 0.55) found.push({ at, x: x(at) })
    }
  }
  return found
}

function row(task: Task, x: (at: number) => number, now: number): Row {
  const pieces: Piece[] = []
  let free = Number.NEGATIVE_INFINITY
  for (const attempt of task.attempts) {
    const [begin, end] = stretch(attempt, now)
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
