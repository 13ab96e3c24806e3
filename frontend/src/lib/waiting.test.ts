import { expect, test } from 'vitest'
import { reasons, type OpenTask } from './waiting'

const task = (more: Partial<OpenTask>): OpenTask => ({
  task: 'r:4', name: 'charge', status: 'scheduled', type: 'simulate', queue: 'default', epoch: 2, failures: 0, attempts: [{ scheduled_at: 0 }], ...more,
})
const serving = { alive: true, stopping: false, types: [{ queue: 'default', type: 'simulate' }] }
const why = (one: OpenTask, workers = [serving], now = 10_000) => reasons({ status: 'running', tasks: [one] }, workers, now)

test('a task that nobody serves names the command that helps', () => {
  expect(why(task({ type: 'pack', queue: 'eu' }))).toMatchObject([{ command: 'kintsugi worker exec pack --queue eu -- ./my-program' }])
  expect(why(task({}), [{ ...serving, alive: false }])[0]?.command).toBeDefined()
})

test('a task that workers serve waits for one, once it takes long', () => {
  expect(why(task({}))[0]?.text).toContain('no worker has said yet')
  expect(why(task({}), [serving], 1_500)).toEqual([])
})

test('a dead letter says which, and a retry says when', () => {
  expect(why(task({ status: 'dead_lettered' }))[0]?.letter).toBe('r:4:2')
  expect(why(task({ status: 'backing_off', failures: 2, retry_at: 12_400 }))[0]?.text).toBe('charge failed 2 times and is tried again in 2.4 s.')
})

test('a run that waits without an open task waits for a timer', () => {
  expect(reasons({ status: 'waiting', wake_at: 70_000, tasks: [] }, undefined, 10_000)).toEqual([{ text: 'It waits for a timer that is due in 1 min.' }])
  expect(reasons({ status: 'running', tasks: [task({ status: 'running' })] }, [], 10_000)).toEqual([])
})
