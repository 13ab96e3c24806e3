import { expect, test } from 'vitest'
import { lossText, taskName, tell, type Fact, type Step } from './history'

const step = (at: number, ...events: Fact[]): Step => ({ at, input: { kind: 'tick' }, events })
const dispatched = (epoch: number): Fact => ({
  event: 'task_dispatched', task: 4, epoch, pointer: '/do/1/charge', task_type: 'simulate', queue: 'default',
})

test('a task is called by the last name of its pointer', () => {
  expect(taskName('/do/1/charge')).toBe('charge')
  expect(taskName('/do/0/a~1b')).toBe('a/b')
  expect(taskName(undefined)).toBe('a task')
})

test('a crash and its mend are told with who, why and how long', () => {
  const told = tell([
    step(0, { event: 'run_started' }, dispatched(1)),
    step(1_000, { event: 'task_started', task: 4, epoch: 1, worker: 'w-1' }),
    step(1_900, { event: 'task_lost', task: 4, epoch: 1, cause: 'worker_dead', worker: 'w-1', seen_at: 1_850 }, dispatched(2)),
    step(3_000, { event: 'task_completed', task: 4, epoch: 2, worker: 'w-2' }, { event: 'run_completed' }),
  ])
  const texts = told.map((sentence) => sentence.text)
  expect(texts[3]).toMatch(/^Attempt 1 of charge was lost: worker w-1 died \(seen at .*\)\.$/)
  expect(told[4]).toMatchObject({ tone: 'mend' })
  expect(texts[4]).toMatch(/^Attempt 2 of charge .*, 50 ms after the break was seen\.$/)
  expect(texts[5]).toBe('Charge completed with attempt 2 by worker w-2.')
})

test('a retry says when it comes and what failed', () => {
  const told = tell([
    step(0, dispatched(1)),
    step(100, { event: 'task_failed', task: 4, epoch: 1, error: { detail: 'card declined' } }, { event: 'retry_scheduled', task: 4, at: 1_100, failures: 1 }),
    step(1_100, dispatched(2)),
  ])
  expect(told.map((sentence) => sentence.text)).toEqual([
    'Attempt 1 of charge was given out to workers for “simulate” on queue “default”.',
    'Attempt 1 of charge failed: card declined',
    'Charge is tried again in 1.0 s (1 failed so far).',
    'Attempt 2 of charge was given out to workers for “simulate” on queue “default”, 1.0 s after the break was seen.',
  ])
})

test('what was done by hand is told with who and why', () => {
  const by = { event: 'steered', by: 'ada', reason: 'a fire' }
  const told = tell([
    step(0, dispatched(1), { ...by, done: 'run_suspended' }),
    step(1, { ...by, done: 'task_completed', task: 4, pointer: '/do/1/charge' }),
    step(2, { event: 'steered', done: 'refused', asked: 'retry', detail: 'it does not wait' }),
    step(3, { event: 'steered', done: 'moved_to_the_moon' }),
  ])
  expect(told.slice(1).map((sentence) => sentence.text)).toEqual([
    'The run was suspended by hand, by ada: a fire',
    'Charge was completed by hand, by ada: a fire',
    'Refused to retry (it does not wait) by hand.',
    'Moved to the moon by hand.',
  ])
})

test('an event of a newer engine is told by its name', () => {
  expect(tell([step(0, { event: 'moon_risen' })])).toEqual([{ key: '0.0', at: 0, tone: 'quiet', text: 'moon risen.' }])
})

test('a loss without cause or worker is still told', () => {
  expect(lossText(undefined, null)).toBe('it was lost (cause unknown)')
  expect(lossText('worker_dead', undefined)).toBe('its worker died')
})

test('every known event is told as a sentence', () => {
  const events = ['run_faulted', 'run_cancelled', 'task_entered', 'task_left', 'task_skipped', 'task_timed_out', 'task_dead_lettered',
    'task_redriven', 'task_cancelled', 'result_refused', 'timer_started', 'timer_fired', 'error_caught', 'task_queued', 'listen_started', 'listen_ended',
    'event_received', 'event_emitted', 'human_task_asked', 'human_task_due', 'human_task_answered', 'human_task_withdrawn']
  for (const { text } of tell(events.map((event) => step(0, { event, task: 1, pointer: '/do/0/a' })))) {
    expect(text).toMatch(/^[A-Z]/)
    expect(text).not.toContain('undefined')
  }
})
