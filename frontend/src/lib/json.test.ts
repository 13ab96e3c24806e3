import { expect, test } from 'vitest'
import { brief, check, parseExact, pretty } from './json'

test('what is JSON is accepted, whatever value it is', () => {
  for (const text of ['{}', ' [1, 2]', 'null', '"x"', '12345678901234567890']) expect(check(text).ok).toBe(true)
})

test('what is not says where', () => {
  expect(check('{\n  "a": nope\n}')).toEqual({ ok: false, message: '“nope” does not fit here.', line: 2, column: 8 })
  expect(check('{"a": ')).toEqual({ ok: false, message: 'The text ends too early.', line: 1, column: 7 })
  expect(check('[1, 2,]')).toMatchObject({ ok: false, line: 1, column: 7 })
  expect(check('{"a": 1 "b": 2}')).toMatchObject({ line: 1, column: 9 })
  expect(check('{a: 1}')).toMatchObject({ line: 1, column: 2 })
  expect(check('[01]')).toMatchObject({ line: 1, column: 2 })
  expect(check('{"a": "x\ny"}')).toMatchObject({ line: 1, column: 7 })
  expect(check('{} {}')).toMatchObject({ line: 1, column: 4 })
  expect(check(' ')).toMatchObject({ ok: false, message: expect.stringContaining('nothing here') as string })
})

test('values are shown indented or brief', () => {
  expect(pretty({ a: 1 })).toBe('{\n  "a": 1\n}')
  expect(pretty(undefined)).toBe('')
  expect(brief({ a: 'xxxxxxxxxx' }, 8)).toBe('{"a":"x…')
})

test('exact reading agrees with JSON.parse on everyday values', () => {
  const value = { a: [1, 2.5, -3], b: '12345678901234567890', c: null }
  expect(parseExact(JSON.stringify(value))).toEqual(value)
})
