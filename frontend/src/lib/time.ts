/** Instants and durations, as people read them. */

/** What the API gives: milliseconds since 1970, or RFC 3339 text. */
export type Instant = number | string

/** Milliseconds since 1970; none: there is no instant, or it cannot be read. */
export function toMs(instant: Instant | null | undefined): number | undefined {
  if (instant === undefined || instant === null) return undefined
  const ms = typeof instant === 'number' ? instant : Date.parse(instant)
  return Number.isFinite(ms) ? ms : undefined
}

/** `12 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  if (ms < 0) return `−${duration(-ms)}`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const units: readonly [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ]
  const first = units.findIndex(([size]) => seconds >= size)
  const two = units.slice(first, first + 2)
  let rest = seconds
  return two
    .map(([size, unit]) => {
      const count = Math.floor(rest / size)
      rest -= count * size
      return count > 0 ? `${count} ${unit}` : ''
    })
    .filter(Boolean)
    .join(' ')
}

/** `5 s ago`; `in 5 s` for what is to come; `now` within a second. */
export function ago(at: number, now: number): string {
  const ms = now - at
  if (Math.abs(ms) < 1000) return 'now'
  const text = duration(coarse(Math.abs(ms))).replace('.0 s', ' s')
  return ms > 0 ? `${text} ago` : `in ${text}`
}

/** Whole seconds below a minute, whole minutes below an hour …: what does not flicker. */
function coarse(ms: number): number {
  const unit = ms < 60_000 ? 1_000 : ms < 3_600_000 ? 60_000 : ms < 86_400_000 ? 3_600_000 : 86_400_000
  return Math.floor(ms / unit) * unit
}

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })

/** `14:03:07.120`, in the reader's time zone. */
export function clock(at: number): string {
  return `${CLOCK.format(at)}.${String(Math.floor(at % 1000)).padStart(3, '0')}`
}

/** `14:03:07` today, with the date before it on other days. */
export function dateTime(at: number, now: number): string {
  const time = CLOCK.format(at)
  return DATE.format(at) === DATE.format(now) ? time : `${DATE.format(at)}, ${time}`
}

/** Ticks for an axis of `span` ms: at most `count`, at round distances. */
export function ticks(span: number, count: number): number[] {
  if (!(span > 0) || count < 1) return [0]
  const raw = span / count
  const power = 10 ** Math.floor(Math.log10(raw))
  const decimal = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw) ?? raw
  const sexagesimal = [15_000, 30_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000, 14_400_000, 43_200_000, 86_400_000]
  const step = raw > 10_000 ? (sexagesimal.find((size) => size >= raw) ?? Math.ceil(raw / 86_400_000) * 86_400_000) : Math.max(1, decimal)
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step)
}
