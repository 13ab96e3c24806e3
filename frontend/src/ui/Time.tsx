import { useEffect, useState } from 'react'
import { ago, clock, dateTime, toMs, type Instant } from '../lib/time'

/** The time of day, anew every `every` ms; with none it stands still. */
export function useNow(every: number | undefined): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (every === undefined) return
    const timer = setInterval(() => { setNow(Date.now()) }, every)
    return () => { clearInterval(timer) }
  }, [every])
  return now
}

/** An instant; hover or focus says it in full. */
export function Time({ at, relative = false, exact = false }: { at: Instant | null | undefined; relative?: boolean; exact?: boolean }) {
  const now = useNow(relative ? 1000 : undefined)
  const ms = toMs(at)
  if (ms === undefined) return <span className="none">–</span>
  const iso = new Date(ms).toISOString()
  const text = relative ? ago(ms, now) : exact ? clock(ms) : dateTime(ms, now)
  return <time dateTime={iso} title={iso}>{text}</time>
}
