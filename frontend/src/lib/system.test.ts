import { expect, test } from 'vitest'
import { bytes, count, jaegerUrl, partitions, readSummary, runCount } from './system'

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

test('numbers are read, and what is none counts nothing', () => {
  expect(count({ dead_letters_open: 3 }, 'dead_letters_open')).toBe(3)
  expect([undefined, {}, { dead_letters_open: 'x' }].map((data) => count(data, 'dead_letters_open'))).toEqual([0, 0, 0])
  expect(runCount({ runs: { running: 2 } }, 'running')).toBe(2)
  expect(runCount({ runs: {} }, 'running')).toBe(0)
  expect(runCount(undefined, 'running')).toBeUndefined()
})

test('partitions are told together', () => {
  const [sheet] = readSummary({ partitions: [{ partition: 0, owner: 'a', lag: 2 }, { partition: 1, owner: 'a', lag: 0 }, { partition: 2, owner: '', lag: 0 }] }).sheets
  expect(sheet && partitions(sheet)).toEqual({ count: 3, owners: 1, unowned: 1, lag: 2 })
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
