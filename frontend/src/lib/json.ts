/** JSON that a person types and reads. */

/** What became of a text: JSON, or why not and where. */
export type Parsed = { ok: true } | { ok: false; message: string; line?: number; column?: number }

/** Checks that `text` is one JSON value. The text itself is what is sent, so that numbers keep their digits. */
export function check(text: string): Parsed {
  try {
    JSON.parse(text)
    return { ok: true }
  } catch (error) {
    const at = firstFault(text)
    const before = text.slice(0, at).split('\n')
    const where = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
    if (text.trim() === '') return { ok: false, message: 'There is nothing here: write a JSON value, such as {}.', ...where }
    if (at >= text.trimEnd().length) return { ok: false, message: 'The text ends too early.', ...where }
    const found = /^(?:[\w+.-]+|.)/su.exec(text.slice(at))?.[0] ?? ''
    const message = error instanceof SyntaxError ? `“${found.slice(0, 24)}” does not fit here.` : 'This is not JSON.'
    return { ok: false, message, ...where }
  }
}

// A string holds no control characters.
// eslint-disable-next-line no-control-regex
const TOKEN = /[ \t\n\r]*(?:("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|true\b|false\b|null\b)|([[\]{},:]))/y

/** What may come next: a value, a value or `]`, a key, a key or `}`, a colon, or a comma and the end. */
type Expect = 'value' | 'item?' | 'key' | 'key?' | 'colon' | 'next'

/** Offset of the first token that does not fit: browsers no longer tell. */
function firstFault(text: string): number {
  const open: ('[' | '{')[] = []
  let expect: Expect = 'value'
  TOKEN.lastIndex = 0
  for (let at = 0; ; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(text)
    const here = at + (/^[ \t\n\r]*/.exec(text.slice(at))?.[0].length ?? 0)
    if (!match) return here
    const [, string, scalar, mark] = match
    const wantsValue = expect === 'value' || expect === 'item?'
    const wantsKey = expect === 'key' || expect === 'key?'
    if (string !== undefined && wantsKey) expect = 'colon'
    else if ((string ?? scalar) !== undefined && wantsValue) expect = 'next'
    else if (mark === ':' && expect === 'colon') expect = 'value'
    else if (mark === ',' && expect === 'next' && open.length > 0) expect = open.at(-1) === '{' ? 'key' : 'value'
    else if ((mark === '{' || mark === '[') && wantsValue) {
      open.push(mark)
      expect = mark === '{' ? 'key?' : 'item?'
    } else if (mark === '}' && open.at(-1) === '{' && (expect === 'key?' || expect === 'next')) {
      open.pop()
      expect = 'next'
    } else if (mark === ']' && open.at(-1) === '[' && (expect === 'item?' || expect === 'next')) {
      open.pop()
      expect = 'next'
    } else return here
  }
}

/** Indented; text that is no JSON value (undefined) reads as nothing. */
export function pretty(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value, null, 2)
}

/** One line of at most `max` characters. */
export function brief(value: unknown, max = 80): string {
  const text = value === undefined ? '' : JSON.stringify(value)
  return text.length > max ? `${text.slice(0, max - 1)}…` : text
}

const UNSAFE = /^-?\d+$/

interface RawJson {
  rawJSON?: (text: string) => unknown
}
type Revive = (key: string, value: unknown, context?: { source?: string }) => unknown

/**
 * Reads JSON and keeps integers beyond 2^53 as they were written, where the browser can
 * (JSON.rawJSON); elsewhere they are rounded, as JavaScript does.
 */
export function parseExact(text: string): unknown {
  const { rawJSON } = JSON as RawJson
  if (!rawJSON || !/\d{16}/.test(text)) return JSON.parse(text)
  const revive: Revive = (_key, value, context) => {
    const source = context?.source
    const exact = typeof value === 'number' && source !== undefined && UNSAFE.test(source) && !Number.isSafeInteger(value)
    return exact ? rawJSON.call(JSON, source) : value
  }
  return JSON.parse(text, revive)
}
