import { expect, test } from 'vitest'
import { quoted, snippets } from './snippets'

test('a text is one word for a shell, whatever is in it', () => {
  expect(quoted(`it's`)).toBe(`'it'\\''s'`)
})

test('a start is told for curl and for nats, with its digits and its strings as they are', () => {
  expect(snippets('http://e', 'shop/order:1.0.0', '{ "n": 12345678901234567890,\n "t": "a  b" }')).toEqual([
    { name: 'curl', text: `curl 'http://e/v1/runs' --json '{"definition":"shop/order:1.0.0","input":{"n":12345678901234567890,"t":"a  b"}}'` },
    { name: 'nats', text: `nats req kintsugi.api.start.shop.order '{"n":12345678901234567890,"t":"a  b"}' -H 'Kintsugi-Version:1.0.0'` },
  ])
})

test('what is no reference is told for curl alone', () => {
  expect(snippets('http://e', 'odd one', '1')).toHaveLength(1)
  expect(snippets('http://e', 'a/b', '1')[1]?.text).toBe(`nats req kintsugi.api.start.a.b '1'`)
})
