import { expect, test } from 'vitest'
import { recoveryCounts, recoveryKind, spread } from './recovery'

test('a kind has words, and an unknown one its name', () => {
  expect(recoveryKind('worker_dead')).toMatchObject({ name: 'worker died', seenBy: 'the failure detector' })
  expect(recoveryKind('moon_fell').name).toBe('moon fell')
})

test('counts are read from a summary, and nonsense counts nothing', () => {
  expect([...recoveryCounts({ recoveries: [{ kind: 'worker_dead', count: 3 }, { kind: 4 }, null] })]).toEqual([['worker_dead', 3]])
  for (const data of [undefined, null, 3, {}, { recoveries: 'x' }]) expect(recoveryCounts(data).size).toBe(0)
})

test('half and 99 of 100 are among the times themselves', () => {
  expect(spread([])).toBeUndefined()
  expect(spread([7])).toEqual({ count: 1, p50: 7, p99: 7, max: 7 })
  expect(spread(Array.from({ length: 200 }, (_, index) => 200 - index))).toEqual({ count: 200, p50: 100, p99: 198, max: 200 })
})
