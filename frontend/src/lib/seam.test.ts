import { expect, test } from 'vitest'
import { crack, isMended, layout, mends, type Attempt, type Task } from './seam'

const task = (...attempts: Attempt[]): Task => ({ key: '4', name: 'charge', pointer: '/do/1/charge', attempts })
const lost: Attempt = { epoch: 1, fate: 'lost', worker: 'w-1', cause: 'worker_dead', dispatchedAt: 0, startedAt: 5, endedAt: 900 }
const done: Attempt = { epoch: 2, fate: 'completed', worker: 'w-2', dispatchedAt: 1_000, startedAt: 1_010, endedAt: 2_500 }

test('a lost attempt is mended by the next, with who, why and how long', () => {
  expect(mends(task(lost, done))).toEqual([
    {
      task: '4', name: 'charge', broken: 1, brokenAt: 900, worker: 'w-1', why: 'worker w-1 died', seenBy: 'the failure detector', dueAt: undefined,
      mended: { epoch: 2, givenAt: 1_000, at: 1_010, taken: true, worker: 'w-2', ms: 110, fate: 'completed', endedAt: 2_500 },
    },
  ])
})

test('a break without a following attempt is not mended', () => {
  expect(mends(task(lost))[0]?.mended).toBeUndefined()
  expect(layout([task(lost)], 500, 3_000).rows[0]?.seams).toEqual([])
})

test('who saw a break, and when a retry is due, are told', () => {
  const failed: Attempt = { epoch: 1, fate: 'failed', dispatchedAt: 0, endedAt: 50, retryAt: 1_050, error: { detail: 'no' } }
  expect(mends(task(failed))[0]).toMatchObject({ seenBy: 'the worker, which said so', dueAt: 1_050, why: 'no', mended: undefined })
  expect(mends(task({ ...failed, fate: 'timed_out' }))[0]?.seenBy).toBe('the clock')
  expect(mends(task({ ...lost, cause: 'redelivered' }))[0]?.seenBy).toBe('the message broker')
})

test('an attempt that no worker took up yet is given out, not taken', () => {
  const open: Attempt = { epoch: 2, fate: 'open', dispatchedAt: 1_000 }
  const [given] = mends(task(lost, open))
  expect(given?.mended).toMatchObject({ taken: false, givenAt: 1_000, at: 1_000, endedAt: undefined })
  expect(given && isMended(given)).toBe(false)
  expect(mends(task(lost, done)).map(isMended)).toEqual([true])
  expect(mends(task(lost, { ...open, startedAt: 1_004 })).map(isMended)).toEqual([true])
})

test('long idleness is cut short, and work keeps its room', () => {
  const day = 86_400_000
  const before: Task = { key: '1', name: 'a', pointer: '/a', attempts: [{ epoch: 1, fate: 'completed', dispatchedAt: 0, endedAt: 1_000 }] }
  const after: Task = { key: '2', name: 'b', pointer: '/b', attempts: [{ epoch: 1, fate: 'completed', dispatchedAt: day, endedAt: day + 1_000 }] }
  const chart = layout([before, after], 500, day * 2)
  expect(chart.idle).toHaveLength(1)
  expect(chart.idle[0]).toMatchObject({ from: 1_000, to: day, x: 233, width: 34 })
  expect(chart.rows.map((row) => row.pieces.map(({ x, width }) => [x, width]))).toEqual([[[0, 233]], [[267, 233]]])
  expect(chart.marks.map((mark) => mark.at)).toContain(day)
  for (const [index, mark] of chart.marks.entries()) expect(mark.x).toBeGreaterThanOrEqual(chart.marks[index - 1]?.x ?? 0)
})

test('short pauses are drawn as long as they were', () => {
  const chart = layout([task(lost, { ...done, dispatchedAt: 3_000, startedAt: 3_000, endedAt: 4_000 })], 400, 9_999)
  expect(chart.idle).toEqual([])
  expect(chart.marks[0]).toEqual({ at: 0, x: 0 })
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
