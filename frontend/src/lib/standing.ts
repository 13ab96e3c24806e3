/**
 * How each task of a definition stands in a run, by its reference: what the drawing is coloured with.
 * Tasks of workers are known from the run; those that the engine does by itself only from the history.
 */

import type { Fact, Step } from './history'

export type State = 'dead' | 'running' | 'retrying' | 'waiting' | 'done' | 'failed' | 'stopped' | 'skipped'

/** A task of a worker, as the run's own answer gives it. */
export interface Known {
  number: number
  pointer: string
  state: State
  /** How many of its breaks were mended. */
  mends: number
}

export interface Standing {
  state: State
  /** How often it began. */
  begun: number
  done: number
  failed: number
  /** How often its condition did not hold. */
  skipped: number
  mends: number
}

/** One time that a task was come to. */
interface Visit {
  pointer: string
  state: State
  mends: number
  /** The engine opened it, so that other tasks lie in it. */
  entered: boolean
  /** The step in which it was over. */
  endedIn?: number
  /** Its number, of what has one. */
  number?: number | undefined
}

const OPEN: ReadonlySet<State> = new Set(['dead', 'running', 'retrying', 'waiting'])

/** What a fact about a numbered task makes of it. */
const NUMBERED: Readonly<Record<string, State>> = {
  task_queued: 'waiting',
  task_dispatched: 'waiting',
  task_started: 'running',
  task_completed: 'done',
  task_failed: 'failed',
  task_timed_out: 'failed',
  task_lost: 'failed',
  task_deferred: 'retrying',
  retry_scheduled: 'retrying',
  task_dead_lettered: 'dead',
  task_cancelled: 'stopped',
  listen_started: 'waiting',
  listen_ended: 'done',
  human_task_asked: 'waiting',
  human_task_answered: 'done',
  human_task_withdrawn: 'stopped',
}

/** What a person did with a task. */
const BY_HAND: Readonly<Record<string, State>> = { task_retried: 'waiting', task_completed: 'done', task_skipped: 'done', task_failed: 'failed' }

const CHILD: Readonly<Record<string, State>> = { started: 'waiting', completed: 'done', failed: 'failed', cancelled: 'stopped', resumed: 'waiting' }

class Fold {
  readonly visits = new Map<string, Visit[]>()
  private readonly numbered = new Map<number, Visit>()
  /** What is not over, by its reference: there may be very many at one. */
  private readonly open = new Map<string, Set<Visit>>()
  /** Each `try` that is in its pause. */
  private readonly pausing = new Set<Visit>()
  /** What the fault of the run stopped, and how it stood: a redrive takes it up again. */
  private held = new Map<Visit, State>()
  /** Tasks that a person ended: that their attempts are no longer wanted says nothing of them. */
  private readonly endedByHand = new Set<number>()
  private step = 0

  take(step: Step) {
    this.step += 1
    for (const fact of step.events) this.fact(fact)
  }

  know({ number, pointer, state, mends }: Known) {
    const visit = this.numbered.get(number) ?? this.begin(pointer, state, false, number)
    visit.mends = mends
    this.set(visit, state)
  }

  private fact(fact: Fact) {
    const { event, pointer, task } = fact
    if (pointer !== undefined) this.goesOn(pointer)
    if (event === 'steered') this.byHand(fact)
    else if (task !== undefined) this.about(fact, task)
    else if (pointer !== undefined) this.at(event, pointer, fact)
    if (event === 'run_faulted' || event === 'run_cancelled' || event === 'run_completed') this.over(fact)
  }

  /** A fact about a task that has a number. */
  private about({ event, pointer, child, epoch }: Fact, task: number) {
    const state = event === 'child' ? CHILD[child ?? ''] : NUMBERED[event]
    if (event === 'task_redriven' || child === 'resumed') this.resume()
    const visit = this.numbered.get(task) ?? (pointer === undefined ? undefined : this.begin(pointer, 'waiting', false, task))
    if (!visit || !state || (event === 'task_cancelled' && this.endedByHand.has(task))) return
    if (event === 'task_started' && (epoch ?? 1) > 1) visit.mends = Math.max(visit.mends, 1)
    this.set(visit, state)
  }

  /** Something that a person did: with one task, or with all that is open. */
  private byHand({ done, task, pointer }: Fact) {
    if (done === 'run_rerun') {
      this.held.clear()
      this.breakOff('')
      return
    }
    const state = BY_HAND[done ?? '']
    if (!state || task === undefined || pointer === undefined) return
    this.resume()
    if (done !== 'task_retried') this.endedByHand.add(task)
    this.breakOff(`${pointer}/`)
    const visit = this.numbered.get(task) ?? this.opened(pointer) ?? this.begin(pointer, state, false)
    // A `try` is at it again; a worker's task waits for one.
    this.set(visit, done === 'task_retried' && visit.number === undefined ? 'running' : state)
  }

  /** A fact about a task that the engine does by itself. */
  private at(event: string, pointer: string, fact: Fact) {
    if (event === 'task_entered') this.begin(pointer, 'running', true)
    else if (event === 'timer_started') this.begin(pointer, 'waiting', false)
    else if (event === 'task_skipped') this.set(this.begin(pointer, 'skipped', false), 'skipped')
    else if (event === 'task_left') this.left(pointer)
    else if (event === 'error_caught') this.caught(pointer, fact)
  }

  private begin(pointer: string, state: State, entered: boolean, number?: number): Visit {
    const visit: Visit = { pointer, state, mends: 0, entered, number }
    const all = this.visits.get(pointer)
    if (all) all.push(visit)
    else this.visits.set(pointer, [visit])
    if (number !== undefined) this.numbered.set(number, visit)
    this.set(visit, state)
    return visit
  }

  private set(visit: Visit, state: State) {
    visit.state = state
    if (state === 'retrying' && visit.number === undefined) this.pausing.add(visit)
    else this.pausing.delete(visit)
    const open = this.open.get(visit.pointer) ?? new Set()
    this.open.set(visit.pointer, open)
    if (OPEN.has(state)) {
      delete visit.endedIn
      open.add(visit)
    } else {
      visit.endedIn = this.step
      open.delete(visit)
    }
  }

  /** The first of `pointer` that is open: those of a loop end in the order in which they began. */
  private opened(pointer: string): Visit | undefined {
    for (const visit of this.open.get(pointer) ?? []) if (visit.number === undefined) return visit
    return undefined
  }

  private left(pointer: string) {
    // What began in a part of the history that was not read is done all the same.
    this.set(this.opened(pointer) ?? this.begin(pointer, 'running', false), 'done')
    const handler = this.opened(`${pointer}/catch`)
    if (handler) this.set(handler, 'done')
    if (!this.opened(pointer)) this.breakOff(`${pointer}/`)
  }

  private caught(pointer: string, { error, retry_at }: Fact) {
    this.fail(error?.instance)
    this.breakOff(`${pointer}/try/`)
    const tried = this.opened(pointer)
    if (tried) this.set(tried, retry_at == null ? 'running' : 'retrying')
    const handler = this.begin(`${pointer}/catch`, 'running', false)
    if (retry_at != null) this.set(handler, 'done')
  }

  /** An error arose at `pointer`. */
  private fail(pointer: string | null | undefined) {
    if (!pointer) return
    const newest = this.visits.get(pointer)?.at(-1)
    if (newest && (OPEN.has(newest.state) || (newest.number !== undefined && newest.endedIn === this.step))) {
      if (newest.state !== 'dead') this.set(newest, 'failed')
    } else if (newest?.number === undefined || newest.state === 'done') {
      // A task that is done at once is told of by its error alone.
      this.set(this.begin(pointer, 'failed', false), 'failed')
    }
  }

  /** Whatever is open below `prefix` is no longer wanted. */
  private breakOff(prefix: string) {
    for (const [pointer, open] of this.open) {
      if (pointer.startsWith(prefix)) for (const visit of open) this.set(visit, 'stopped')
    }
  }

  /** Something happens at `pointer`: a `try` around it is no longer in its pause. */
  private goesOn(pointer: string) {
    for (const visit of this.pausing) if (pointer.startsWith(`${visit.pointer}/try/`)) this.set(visit, 'running')
  }

  private over({ event, error }: Fact) {
    if (event === 'run_faulted') this.fail(error?.instance)
    this.held = new Map([...this.open.values()].flatMap((open) => [...open].map((visit) => [visit, visit.state] as const)))
    for (const [visit, state] of this.held) if (state !== 'dead') this.set(visit, 'stopped')
  }

  private resume() {
    for (const [visit, state] of this.held) if (visit.state === 'stopped') this.set(visit, state)
    this.held.clear()
  }
}

/** An open one says more than those that are over; of these, the newest counts. */
const ORDER: readonly State[] = ['dead', 'running', 'retrying', 'waiting']

function summed(visits: readonly Visit[]): Standing | undefined {
  const skipped = visits.filter(({ state }) => state === 'skipped').length
  // A call whose messages are gone through is opened by the engine, and given to a worker within.
  const scopes = visits.some(({ entered }) => entered) ? visits.filter(({ number }) => number === undefined) : visits
  const counted = scopes.filter(({ state }) => state !== 'skipped')
  // Those of workers may have been read in any order.
  const newest = counted.reduce<Visit | undefined>((last, one) => (last && (one.number ?? 0) < (last.number ?? 0) ? last : one), undefined) ?? visits.at(-1)
  if (!newest) return undefined
  const count = (state: State) => counted.filter((visit) => visit.state === state).length
  return {
    state: ORDER.find((state) => count(state) > 0) ?? newest.state,
    begun: counted.length,
    done: count('done'),
    failed: count('failed') + count('dead'),
    skipped,
    mends: visits.reduce((sum, { mends }) => sum + mends, 0),
  }
}

/**
 * What `steps`, in order, and the tasks that are known besides say of each reference. One that is
 * missing was not come to, as far as was read.
 */
export function standings(steps: readonly Step[], known: readonly Known[]): Map<string, Standing> {
  const fold = new Fold()
  for (const step of steps) fold.take(step)
  for (const task of known) fold.know(task)
  const all = [...fold.visits].flatMap(([pointer, visits]): [string, Standing][] => {
    const standing = summed(visits)
    return standing ? [[pointer, standing]] : []
  })
  return new Map(all)
}

/** How many rounds each loop began, by its reference: what lies first in its body was come to so often. */
export function rounds(all: ReadonlyMap<string, Standing>): Map<string, number> {
  const found = new Map<string, number>()
  for (const [pointer, { begun, skipped }] of all) {
    const [, loop] = /^(.*?)(?:\/foreach)?\/do\/0\/[^/]+$/.exec(pointer) ?? []
    if (loop !== undefined) found.set(loop, Math.max(found.get(loop) ?? 0, begun + skipped))
  }
  return found
}

/** How many branches of each fork are done, by its reference; `references` are those of the drawing. */
export function branches(references: readonly string[], all: ReadonlyMap<string, Standing>): Map<string, { done: number; all: number }> {
  const found = new Map<string, { done: number; all: number }>()
  for (const reference of references) {
    const [, fork] = /^(.*)\/fork\/branches\/\d+\/[^/]+$/.exec(reference) ?? []
    if (fork === undefined) continue
    const { done, all: count } = found.get(fork) ?? { done: 0, all: 0 }
    found.set(fork, { done: done + (all.get(reference)?.state === 'done' ? 1 : 0), all: count + 1 })
  }
  return found
}
