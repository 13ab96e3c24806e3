import { expect, test } from 'vitest'
import { crack, layout, mends, type Attempt, type Task } from './seam'

const task = (...attempts: Attempt[]): Task => ({ key: '4', name: 'charge', pointer: '/do/1/charge', attempts })
const lost: Attempt = { epoch: 1, fate: 'lost', worker: 'w-1', cause: 'worker_dead', dispatchedAt: 0, startedAt: 5, endedAt: 900 }
const done: Attempt = { epoch: 2, fate: 'completed', worker: 'w-2', dispatchedAt: 1_000, startedAt: 1_010, endedAt: 2_500 }

test('a lost attempt is mended by the next, with who, why and how long', () => {
  expect(mends(task(lost, done))).toEqual([
    {
      task: '4', name: 'charge', broken: 1, brokenAt: 900, worker: 'w-1', why: 'worker w-1 died',
      mended: { epoch: 2, at: 1_010, worker: 'w-2', ms: 110, fate: 'completed' },
    },
  ])
})

test('a break without a following attempt is not mended', () => {
  expect(mends(task(lost))[0]?.mended).toBeUndefined()
  expect(layout([task(lost)], 500, 3_000).rows[0]?.seams).toEqual([])
})

test('what went well has no seam', () => {
  expect(mends(task(done))).toEqual([])
  expect(mends(task({ ...done, fate: 'cancelled' }, { ...done, epoch: 3 }))).toEqual([])
})

test('the seam lies between the pieces it joins', () => {
  const [row] = layout([task(lost, done)], 500, 9_999).rows
  expect(row?.pieces.map((piece) => [Math.round(piece.x), Math.round(piece.width)])).toEqual([[0, 180], [200, 300]])
  expect(row?.seams[0]).toMatchObject({ from: 180, to: 200 })
})

test('pieces never overlap, keep their order, and a seam of no time can be seen', () => {
  const attempts = Array.from({ length: 30 }, (_, index): Attempt => ({
    epoch: index + 1, fate: index < 29 ? 'failed' : 'completed', dispatchedAt: index, endedAt: index, error: { detail: 'no' },
  }))
  const [row] = layout([task(...attempts)], 100, 50).rows
  const pieces = row?.pieces ?? []
  expect(row?.seams).toHaveLength(29)
  for (const [index, piece] of pieces.entries()) {
    const next = pieces[index + 1]
    if (next) expect(next.x - (piece.x + piece.width)).toBeGreaterThanOrEqual(9.99)
  }
})

test('what is open reaches to now', () => {
  const chart = layout([task({ epoch: 1, fate: 'open', dispatchedAt: 1_000 })], 400, 3_000)
  expect(chart.span).toBe(2_000)
  expect(chart.rows[0]?.pieces[0]).toMatchObject({ x: 0, width: 400 })
})

test('nothing to draw is drawn without a fuss', () => {
  expect(layout([], 400, 10).rows).toEqual([])
  expect(layout([task()], 0, 10).rows[0]?.pieces).toEqual([])
})

test('a crack is a path without a hole in its numbers', () => {
  for (const to of [1, 10, 300]) expect(crack(0, to, 20)).not.toMatch(/NaN|undefined|Infinity/)
})
