import { expect, test } from 'vitest'
import { answerOf, fields, refusal, type Field } from './form'

const SCHEMA = {
  type: 'object',
  required: ['ok', 'why'],
  properties: {
    ok: { type: 'boolean', title: 'Approved?' },
    why: { type: 'string', description: 'In a few words' },
    story: { type: 'string', maxLength: 5000 },
    amount: { type: 'number' },
    pieces: { type: 'integer' },
    colour: { enum: ['red', 7, null] },
  },
}

const known = fields(SCHEMA) ?? []
const one = (name: string) => known.find((field) => field.name === name) as Field

test('plain values become fields', () => {
  expect(known.map(({ name, kind, required }) => [name, kind, required])).toEqual([
    ['ok', 'yes-no', true], ['why', 'text', true], ['story', 'long', false], ['amount', 'number', false], ['pieces', 'integer', false], ['colour', 'choice', false],
  ])
  expect([one('ok').label, one('why').note, one('colour').options]).toEqual(['Approved?', 'In a few words', ['"red"', '7', 'null']])
})

test('what has no field is asked as JSON', () => {
  for (const schema of [
    undefined, true, {}, { type: 'array' }, { type: 'object' }, { properties: {} }, { properties: { a: { type: 'object' } } },
    { properties: { a: true } }, { type: 'string', properties: { a: { type: 'string' } } }, { required: ['b'], properties: { a: { type: 'string' } } },
    { properties: Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`f${n}`, { type: 'string' }])) },
  ]) expect(fields(schema)).toBeUndefined()
})

test('an answer keeps digits, and leaves out what was not given', () => {
  const given = { ok: 'true', why: 'so "what"', amount: ' 12345678901234567890.5 ', colour: 'null', pieces: '' }
  expect(answerOf(known, given)).toBe('{"ok":true,"why":"so \\"what\\"","amount":12345678901234567890.5,"colour":null}')
  expect(answerOf(known, {})).toBe('{"why":""}')
})

test('what is no value is refused', () => {
  expect(refusal(one('ok'), '')).toBe('This is needed.')
  expect(refusal(one('why'), '')).toBeUndefined()
  for (const bad of ['1,5', 'x', '01', '1}']) expect(refusal(one('amount'), bad)).toMatch(/number/)
  for (const bad of ['1.5', '1e3', '--1']) expect(refusal(one('pieces'), bad)).toMatch(/whole/)
  for (const good of ['-1.5e3', '0']) expect(refusal(one('amount'), good)).toBeUndefined()
})
