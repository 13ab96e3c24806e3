/** The system summary, which its service may extend at any time: what is known is drawn well, the rest plainly. */

export type Cell = string | number | boolean | null | undefined

/** A part of the summary as a table. */
export interface Sheet {
  name: string
  columns: string[]
  rows: Record<string, Cell>[]
}

export interface Summary {
  facts: [string, Cell][]
  /** What the engine itself says is wrong. */
  problems: string[]
  sheets: Sheet[]
}

type Bag = Record<string, unknown>

function isBag(value: unknown): value is Bag {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function cell(value: unknown): Cell {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (Array.isArray(value)) {
    return value.length > 4 || value.some(isBag) ? value.length : value.map((one) => String(cell(one))).join(', ')
  }
  return JSON.stringify(value)
}

/** What a row is, before what is said of it. */
const FIRST = ['service', 'stream', 'queue', 'task_type', 'partition', 'kind', 'name', 'instance', 'ready', 'exists', 'pending', 'ack_pending', 'oldest_age_ms', 'redelivered', 'messages', 'bytes', 'last_seen', 'owner']
/** The same among the facts. */
const FACTS = ['version', 'database', 'definitions', 'dead_letters_open', 'runs: running', 'runs: waiting', 'runs: pending', 'runs: completed', 'runs: faulted', 'runs: cancelled', 'runs: suspended']
/** What people look for first. */
const SHEETS = ['services', 'streams', 'queues', 'partitions', 'recoveries']

/** Puts what is in `order` first; the rest keeps its own order. */
function ranked<T>(items: readonly T[], order: readonly string[], name: (item: T) => string): T[] {
  const rank = (item: T) => (order.includes(name(item)) ? order.indexOf(name(item)) : order.length)
  return [...items].sort((a, b) => rank(a) - rank(b))
}

function sheet(name: string, items: readonly Bag[]): Sheet {
  const columns = ranked([...new Set(items.flatMap((item) => Object.keys(item)))], FIRST, (column) => column)
  return { name, columns, rows: items.map((item) => Object.fromEntries(columns.map((column) => [column, cell(item[column])]))) }
}

/** Splits a summary in facts and tables. A map of objects is a table whose first column is the key. */
export function readSummary(data: unknown): Summary {
  const summary: Summary = { facts: [], problems: [], sheets: [] }
  for (const [name, value] of Object.entries(isBag(data) ? data : {})) {
    if (name === 'problems' && Array.isArray(value)) summary.problems.push(...value.map(String))
    else if (Array.isArray(value)) {
      const items = value.filter(isBag)
      if (items.length > 0 || value.length === 0) summary.sheets.push(sheet(name, items))
      else summary.facts.push([name, cell(value)])
    } else if (isBag(value)) {
      const entries = Object.entries(value)
      const bags = entries.filter((entry): entry is [string, Bag] => isBag(entry[1]))
      if (bags.length > 0 && bags.length === entries.length) summary.sheets.push(sheet(name, bags.map(([key, bag]) => ({ name: key, ...bag }))))
      else summary.facts.push(...entries.map(([key, one]): [string, Cell] => [`${name}: ${key}`, cell(one)]))
    } else summary.facts.push([name, cell(value)])
  }
  summary.facts = ranked(summary.facts, FACTS, ([name]) => name)
  summary.sheets = ranked(summary.sheets, SHEETS, (one) => one.name)
  return summary
}

/** A number of the summary; 0 where it has none. */
export function count(data: unknown, name: string): number {
  const value = isBag(data) ? data[name] : undefined
  return typeof value === 'number' ? value : 0
}

/** How many runs stand so; none: the summary does not say. */
export function runCount(data: unknown, status: string): number | undefined {
  const runs = isBag(data) ? data['runs'] : undefined
  if (!isBag(runs)) return undefined
  const value = runs[status]
  return typeof value === 'number' ? value : 0
}

/** What the partitions say together. */
export function partitions(sheet: Sheet): { count: number; owners: number; unowned: number; lag: number } {
  const owners = sheet.rows.map((row) => row['owner']).filter((owner) => owner !== undefined && owner !== '')
  const lags = sheet.rows.map((row) => (typeof row['lag'] === 'number' ? row['lag'] : 0))
  return { count: sheet.rows.length, owners: new Set(owners).size, unowned: sheet.rows.length - owners.length, lag: lags.reduce((a, b) => Math.max(a, b), 0) }
}

/** Where Jaeger is, where the engine says so. Nothing but http and https is a link. */
export function jaegerUrl(data: unknown): string | undefined {
  if (!isBag(data)) return undefined
  const links = isBag(data['links']) ? data['links'] : {}
  const jaeger = isBag(data['jaeger']) ? data['jaeger']['url'] : data['jaeger']
  const url = [data['traces_url'], data['jaeger_url'], jaeger, links['jaeger']].find((one) => typeof one === 'string')
  return typeof url === 'string' && /^https?:\/\//.test(url) ? url.replace(/\/+$/, '') : undefined
}

/** `12.3 MB` */
export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, size)) / 3)))
  return `${(size / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`
}
