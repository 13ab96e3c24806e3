import { expect, test } from 'vitest'
import { offset, yamlParts } from './yaml'

const kinds = (line: string) => yamlParts(line).filter((part) => part.kind).map((part) => [part.kind, part.text])

test('keys, strings, numbers, expressions and comments are told apart', () => {
  expect(kinds('  - charge: 12 # once')).toEqual([['key', 'charge'], ['atom', '12'], ['comment', '# once']])
  expect(kinds("    mode: '${ .input }'")).toEqual([['key', 'mode'], ['expression', "'${ .input }'"]])
  expect(kinds('    mode: ${ $workflow.input.mode }')).toEqual([['key', 'mode'], ['expression', '${ $workflow.input.mode }']])
  expect(kinds('  title: "An # order"')).toEqual([['key', 'title'], ['string', '"An # order"']])
  expect(kinds('  output: { reserved: true }')).toEqual([['key', 'output'], ['atom', 'true']])
  expect(kinds('  url: http://x#y')).toEqual([['key', 'url']])
})

test('the parts of a line are the line', () => {
  for (const line of ['', '- a', 'do:', "  x: 'it''s' # y", '\t: {', '  - "a b": [1, -2.5, null]', '${', 'a#b: c', '  dsl: 1.0.3'])
    expect(yamlParts(line).map((part) => part.text).join('')).toBe(line)
})

test('a place is found by line and column', () => {
  expect(offset('a\nbc\nd', 2, 2)).toBe(3)
  expect(offset('a', 0, 0)).toBe(0)
  expect('one\ntwo'.slice(offset('one\ntwo', 2, 1))).toBe('two')
})
