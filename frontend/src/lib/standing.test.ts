import { expect, test } from 'vitest'
import type { Fact, Step } from './history'
import { branches, rounds, standings } from './standing'

const steps = (...all: Fact[][]): Step[] => all.map((events, at) => ({ at, input: { kind: 'tick' }, events }))
const entered = (pointer: string): Fact => ({ event: 'task_entered', pointer })
const left = (pointer: string): Fact => ({ event: 'task_left', pointer })
const given = (task: number, pointer: string, epoch = 1): Fact => ({ event: 'task_dispatched', task, epoch, pointer, task_type: 'charge', queue: 'default' })
const of = (task: number, event: string, more: Partial<Fact> = {}): Fact => ({ event, task, epoch: 1, ...more })
const caught = (pointer: string, instance: string, retry_at: number | null = null): Fact => ({ event: 'error_caught', pointer, error: { instance }, retry_at })
const states = (all: Step[]) => Object.fromEntries([...standings(all, [])].map(([pointer, { state }]) => [pointer, state]))

test('what was not come to has no standing', () => {
  expect(standings([], []).size).toBe(0)
})

test('a task of a worker goes from given out to done', () => {
  const all = steps([of(1, 'task_queued', { pointer: '/do/0/a' })], [given(1, '/do/0/a')], [of(1, 'task_started')], [of(1, 'task_completed')])
  expect(all.map((_, at) => states(all.slice(0, at + 1))['/do/0/a'])).toEqual(['waiting', 'waiting', 'running', 'done'])
})

test('a lost attempt that another worker took up is a mend', () => {
  const all = steps([given(1, '/do/0/a')], [of(1, 'task_lost'), given(1, '/do/0/a', 2)], [of(1, 'task_started', { epoch: 2 })], [of(1, 'task_completed', { epoch: 2 })])
  expect(standings(all.slice(0, 2), []).get('/do/0/a')).toMatchObject({ state: 'waiting', mends: 0 })
  expect(standings(all, []).get('/do/0/a')).toEqual({ state: 'done', begun: 1, done: 1, failed: 0, skipped: 0, mends: 1 })
})

test('a failure is tried again, or is a dead letter', () => {
  const all = steps([given(1, '/do/0/a')], [of(1, 'task_failed'), of(1, 'retry_scheduled')], [given(1, '/do/0/a', 2)], [of(1, 'task_failed'), of(1, 'task_dead_lettered')])
  expect(states(all.slice(0, 2))).toEqual({ '/do/0/a': 'retrying' })
  expect(states(all)).toEqual({ '/do/0/a': 'dead' })
})

test('what the run says of its tasks counts more than a history that was read in part', () => {
  const known = [{ number: 7, pointer: '/do/0/a', state: 'running', mends: 2 }, { number: 3, pointer: '/do/0/a', state: 'failed', mends: 0 }] as const
  expect(standings(steps([given(7, '/do/0/a', 3)]), known).get('/do/0/a')).toMatchObject({ state: 'running', begun: 2, failed: 1, mends: 2 })
  expect(standings([], [{ ...known[0], state: 'done' }, known[1]]).get('/do/0/a')?.state).toBe('done')
})

test('tasks of the engine are open, done or skipped', () => {
  const all = steps([left('/do/0/set'), entered('/do/1/do'), { event: 'task_skipped', pointer: '/do/1/do/do/0/x' }, { event: 'timer_started', pointer: '/do/1/do/do/1/wait' }], [{ event: 'timer_fired', pointer: '/do/1/do/do/1/wait' }, left('/do/1/do/do/1/wait'), left('/do/1/do')])
  expect(states(all.slice(0, 1))).toEqual({ '/do/0/set': 'done', '/do/1/do': 'running', '/do/1/do/do/0/x': 'skipped', '/do/1/do/do/1/wait': 'waiting' })
  expect(states(all)).toEqual({ '/do/0/set': 'done', '/do/1/do': 'done', '/do/1/do/do/0/x': 'skipped', '/do/1/do/do/1/wait': 'done' })
})

test('rounds of a loop are counted', () => {
  const round = (n: number): Fact[] => [given(n, '/do/0/each/do/0/step')]
  const all = steps([entered('/do/0/each'), ...round(1)], [of(1, 'task_completed'), ...round(2)], [of(2, 'task_completed'), ...round(3)], [of(3, 'task_started')])
  const found = standings(all, [])
  expect(found.get('/do/0/each/do/0/step')).toMatchObject({ state: 'running', begun: 3, done: 2 })
  expect([...rounds(found)]).toEqual([['', 1], ['/do/0/each', 3]])
})

test('branches of a fork are counted', () => {
  const [fork, a, b] = ['/do/0/f', '/do/0/f/fork/branches/0/a', '/do/0/f/fork/branches/1/b']
  const found = standings(steps([entered(fork), given(1, a), entered(b), left(`${b}/do/0/x`)], [of(1, 'task_completed')]), [])
  expect([...branches([fork, a, b, `${b}/do/0/x`], found)]).toEqual([[fork, { done: 1, all: 2 }]])
})

test('a caught error fails its task, ends what is tried, and opens the handler', () => {
  const all = steps([entered('/do/0/t'), entered('/do/0/t/try/0/do'), caught('/do/0/t', '/do/0/t/try/0/do/do/0/raise'), given(1, '/do/0/t/catch/do/0/h')], [of(1, 'task_completed'), left('/do/0/t')])
  expect(states(all.slice(0, 1))).toMatchObject({ '/do/0/t': 'running', '/do/0/t/catch': 'running' })
  expect(states(all)).toEqual({
    '/do/0/t': 'done', '/do/0/t/try/0/do': 'stopped', '/do/0/t/try/0/do/do/0/raise': 'failed', '/do/0/t/catch': 'done', '/do/0/t/catch/do/0/h': 'done',
  })
})

test('a `try` is in its pause until something happens in it', () => {
  const all = steps([entered('/do/0/t'), given(1, '/do/0/t/try/0/a')], [of(1, 'task_failed'), caught('/do/0/t', '/do/0/t/try/0/a', 5)], [given(2, '/do/0/t/try/0/a')])
  expect(states(all.slice(0, 2))['/do/0/t']).toBe('retrying')
  expect(states(all)['/do/0/t']).toBe('running')
  expect(standings(all, []).get('/do/0/t/try/0/a')).toMatchObject({ state: 'waiting', begun: 2, failed: 1 })
})

test('a raise in a loop fails as often as it is caught', () => {
  const round = [entered('/do/0/l/do/0/t'), caught('/do/0/l/do/0/t', '/do/0/l/do/0/t/try/0/r'), left('/do/0/l/do/0/t')]
  expect(standings(steps([entered('/do/0/l'), ...round, ...round]), []).get('/do/0/l/do/0/t/try/0/r')).toMatchObject({ begun: 2, failed: 2 })
})

test('the end of a run ends what is open, and a redrive takes it up again', () => {
  const fault = { event: 'run_faulted', error: { instance: '/do/0/d/do/0/a' } }
  const all = steps([entered('/do/0/d'), given(1, '/do/0/d/do/0/a')], [of(1, 'task_dead_lettered'), fault], [of(1, 'task_redriven'), given(1, '/do/0/d/do/0/a', 2)])
  expect(states(all.slice(0, 2))).toEqual({ '/do/0/d': 'stopped', '/do/0/d/do/0/a': 'dead' })
  expect(states(all)).toEqual({ '/do/0/d': 'running', '/do/0/d/do/0/a': 'waiting' })
})

test('a listen waits and is done; one that an error ends has failed', () => {
  const listen = [of(4, 'listen_started', { pointer: '/do/0/t/try/0/l' })]
  const ended = of(4, 'listen_ended', { pointer: '/do/0/t/try/0/l' })
  expect(states(steps(listen))).toEqual({ '/do/0/t/try/0/l': 'waiting' })
  expect(states(steps(listen, [ended]))).toEqual({ '/do/0/t/try/0/l': 'done' })
  expect(states(steps([entered('/do/0/t')], listen, [ended, caught('/do/0/t', '/do/0/t/try/0/l')]))['/do/0/t/try/0/l']).toBe('failed')
})

test('a run that was started is waited for', () => {
  const child = (what: string, pointer?: string): Fact => ({ event: 'child', child: what, task: 2, ...(pointer !== undefined && { pointer }) })
  expect(states(steps([child('started', '/do/0/r')]))).toEqual({ '/do/0/r': 'waiting' })
  expect(states(steps([child('started', '/do/0/r')], [child('completed')]))).toEqual({ '/do/0/r': 'done' })
})

test('a person is waited for, also once it is due', () => {
  const asked = (what: string): Fact => ({ event: `human_task_${what}`, task: 3, pointer: '/do/0/ask' })
  expect(states(steps([asked('asked')], [asked('due')]))).toEqual({ '/do/0/ask': 'waiting' })
  expect(states(steps([asked('asked')], [asked('due')], [asked('answered')]))).toEqual({ '/do/0/ask': 'done' })
  expect(states(steps([asked('asked')], [asked('withdrawn')]))).toEqual({ '/do/0/ask': 'stopped' })
})

test('a call whose messages are gone through is one task', () => {
  const all = steps([entered('/do/0/m'), given(1, '/do/0/m')], [of(1, 'task_completed')])
  expect(standings(all, []).get('/do/0/m')).toMatchObject({ state: 'running', begun: 1, done: 0 })
})

test('very many tasks at one place are read soon', () => {
  const many = Array.from({ length: 50_000 }, (_, n) => n)
  const found = standings(steps([entered('/do/0/m'), ...many.map((n) => given(n, '/do/0/m/for/0/x'))], many.map((n) => of(n, 'task_completed'))), [])
  expect(found.get('/do/0/m/for/0/x')).toMatchObject({ begun: 50_000, done: 50_000 })
})

test('what a person ended is so, and a rerun stops what was open', () => {
  const hand = (done: string, task: number, pointer: string): Fact => ({ event: 'steered', done, task, pointer })
  const all = steps(
    [given(3, '/do/0/a')],
    [hand('task_completed', 3, '/do/0/a'), of(3, 'task_cancelled'), { event: 'timer_started', pointer: '/do/1/w' }],
    [hand('task_skipped', 5, '/do/1/w'), entered('/do/2/d'), given(7, '/do/2/d/do/0/b')],
    [{ event: 'steered', done: 'run_rerun', pointer: '/do/0/a' }, of(7, 'task_cancelled'), given(9, '/do/0/a')],
  )
  expect(states(all)).toEqual({ '/do/0/a': 'waiting', '/do/1/w': 'done', '/do/2/d': 'stopped', '/do/2/d/do/0/b': 'stopped' })
})
