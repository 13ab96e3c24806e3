import { expect, test } from 'vitest'
import { bytes, jaegerUrl, readSummary } from './system'

test('a summary becomes facts and tables, whatever is in it', () => {
  const summary = readSummary({
    version: '0.1.0',
    runs: { running: 2, completed: 5 },
    services: [{ service: 'gateway', ready: true }, { service: 'orchestrator', partitions: [1, 2] }],
    streams: { EVENTS: { messages: 4 }, TASKS: { messages: 0 } },
    empty: [],
    problems: ['the store is slow'],
  })
  expect(summary.problems).toEqual(['the store is slow'])
  expect(summary.facts).toEqual([['version', '0.1.0'], ['runs: running', 2], ['runs: completed', 5]])
  expect(summary.sheets.map(({ name, columns }) => [name, columns])).toEqual([
    ['services', ['service', 'ready', 'partitions']],
    ['streams', ['name', 'messages']],
    ['empty', []],
  ])
  expect(summary.sheets[0]?.rows[1]).toEqual({ service: 'orchestrator', ready: undefined, partitions: '1, 2' })
})

test('nonsense is an empty summary', () => {
  for (const data of [null, 3, 'x', []]) expect(readSummary(data)).toEqual({ facts: [], problems: [], sheets: [] })
})

test('only web addresses become links', () => {
  expect(jaegerUrl({ jaeger: 'http://127.0.0.1:16686/' })).toBe('http://127.0.0.1:16686')
  expect(jaegerUrl({ traces_url: 'http://127.0.0.1:16686' })).toBe('http://127.0.0.1:16686')
  expect(jaegerUrl({ links: { jaeger: 'https://j' } })).toBe('https://j')
  expect(jaegerUrl({ jaeger_url: 'javascript:alert(1)' })).toBeUndefined()
  expect(jaegerUrl(undefined)).toBeUndefined()
})

test('sizes are read in decimal units', () => {
  expect([0, 999, 12_345, 5e9].map(bytes)).toEqual(['0 B', '999 B', '12.3 kB', '5.0 GB'])
})
