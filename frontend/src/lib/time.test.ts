import { expect, test } from 'vitest'
import { ago, clock, duration, ticks, toMs } from './time'

test.each([
  [0, '0 ms'],
  [12.4, '12 ms'],
  [999.6, '1.0 s'],
  [1_234, '1.2 s'],
  [9_960, '10 s'],
  [59_600, '1 min'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
  [277_200_000, '3 d 5 h'],
  [-1_500, '−1.5 s'],
  [Number.NaN, '–'],
])('%d ms reads %s', (ms, text) => {
  expect(duration(ms)).toBe(text)
})

test('an instant is read as number or text, and nonsense is none', () => {
  expect(toMs(5)).toBe(5)
  expect(toMs('1970-01-01T00:00:01Z')).toBe(1000)
  expect(toMs('soon')).toBeUndefined()
  expect(toMs(null)).toBeUndefined()
})

test('ago says which side of now', () => {
  expect(ago(0, 5_400)).toBe('5 s ago')
  expect(ago(5_400, 0)).toBe('in 5 s')
  expect(ago(0, 400)).toBe('now')
})

test('a clock shows the milliseconds', () => {
  expect(clock(1_700_000_000_007)).toMatch(/:20\.007$/)
})

test('ticks are few, round and within the span', () => {
  for (const span of [1, 7, 90, 1_234, 55_000, 600_000, 86_400_000 * 9]) {
    const marks = ticks(span, 6)
    expect(marks.length).toBeLessThanOrEqual(7)
    expect(marks.at(-1)).toBeLessThanOrEqual(span)
  }
  expect(ticks(0, 6)).toEqual([0])
})
