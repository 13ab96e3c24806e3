/** What the server pushes: a stream that comes back by itself, and rests while nobody looks. */

import { useQueryClient, type InfiniteData, type QueryClient, type QueryKey } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { appended, type HistoryOrder, type HistoryPages } from '../lib/pages'
import { parseExact } from '../lib/json'
import { EventReader, type ServerEvent } from '../lib/sse'
import { historyKey, type Entry } from './queries'
import { authorization } from './token'

/** Changes are gathered for so long, and then asked for once. */
const GATHER_MS = 300
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 10_000
/** The server says something every 5 s; silent for much longer, the way to it is cut. */
const SILENT_MS = 20_000

export type LiveState = 'connecting' | 'live' | 'away'

interface Listener {
  event: (event: ServerEvent) => void
  state: (state: LiveState) => void
}

/** Follows a stream to its end; says whether it is over for good (status 204). */
async function follow(path: string, last: { id: string | undefined }, listener: Listener, stop: AbortController): Promise<boolean> {
  const headers = { accept: 'text/event-stream', ...authorization(), ...(last.id !== undefined && { 'last-event-id': last.id }) }
  const response = await fetch(path, { headers, signal: stop.signal, cache: 'no-store' })
  if (response.status === 204) return true
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
  listener.state('live')
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  const events = new EventReader()
  for (;;) {
    const silence = setTimeout(() => { void reader.cancel() }, SILENT_MS)
    const { done, value } = await reader.read().finally(() => { clearTimeout(silence) })
    if (done) return false
    for (const event of events.push(value)) {
      if (event.id !== undefined) last.id = event.id
      listener.event(event)
    }
  }
}

/** Follows `path` until the returned function is called. */
function subscribe(path: string, listener: Listener): () => void {
  const last: { id: string | undefined } = { id: undefined }
  let stop = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let pause = RETRY_MIN_MS
  const connect = () => {
    const mine = (stop = new AbortController())
    void follow(path, last, { ...listener, state: (state) => { pause = RETRY_MIN_MS; listener.state(state) } }, mine)
      .catch(() => false)
      .then((over) => {
        if (over || mine.signal.aborted) return
        listener.state('away')
        timer = setTimeout(connect, pause)
        pause = Math.min(pause * 2, RETRY_MAX_MS)
      })
  }
  const rest = () => {
    clearTimeout(timer)
    stop.abort()
  }
  const look = () => {
    rest()
    if (document.visibilityState === 'visible') connect()
  }
  document.addEventListener('visibilitychange', look)
  look()
  return () => {
    document.removeEventListener('visibilitychange', look)
    rest()
  }
}

/** Calls `refresh` once for all calls of the returned function within a while. */
function gather(refresh: () => void): { soon: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  const now = () => {
    timer = undefined
    refresh()
  }
  return { soon: () => { timer ??= setTimeout(now, GATHER_MS) }, stop: () => { clearTimeout(timer) } }
}

/**
 * Asks anew for `keys` whenever the server says that something changed, at most every 300 ms.
 * `keys` must be the same array on every rendering.
 */
export function useLive(path: string, keys: readonly QueryKey[]): LiveState {
  const queries = useQueryClient()
  const [state, setState] = useState<LiveState>('connecting')
  useEffect(() => {
    const { soon, stop } = gather(() => { for (const queryKey of keys) void queries.invalidateQueries({ queryKey }) })
    const leave = subscribe(path, { event: soon, state: (next) => { setState(next); if (next === 'live') soon() } })
    return () => {
      stop()
      leave()
    }
  }, [path, keys, queries])
  return state
}

/**
 * Keeps what is known of an open run up to date: entries of its history come with the stream, and
 * the rest is asked for. `after` is how long the history was when it was read; none: not yet.
 */
export function useLiveRun(run: string, after: number | undefined, over: boolean): LiveState {
  const queries = useQueryClient()
  const [state, setState] = useState<LiveState>('connecting')
  const follows = after !== undefined && !over
  useEffect(() => {
    if (!follows) return
    const { soon, stop } = gather(() => {
      for (const queryKey of [['run', run], ['run', run, 'tasks'], ['run', run, 'recoveries']]) {
        void queries.invalidateQueries({ queryKey, exact: queryKey.length === 2 })
      }
    })
    const event = ({ event: kind, data }: ServerEvent) => {
      if (kind === 'entry') note(queries, run, parseExact(data) as Entry)
      soon()
    }
    const from = queries.getQueryData<{ history_length: number }>(['run', run])?.history_length ?? 0
    const leave = subscribe(`/v1/runs/${encodeURIComponent(run)}/events?after=${from}`, { event, state: setState })
    return () => {
      // The end of the run stops the stream: what it said last is asked for all the same.
      stop()
      leave()
      void queries.invalidateQueries({ queryKey: ['run', run] })
    }
  }, [run, follows, queries])
  return state
}

/** Puts an entry where the history that was read so far is shown. */
function note(queries: QueryClient, run: string, entry: Entry) {
  for (const order of ['newest', 'oldest'] satisfies HistoryOrder[]) {
    const key = historyKey(run, order)
    const known = queries.getQueryData<InfiniteData<HistoryPages<Entry>>>(key)
    if (!known) continue
    const pages = appended(known.pages, entry, order)
    if (pages === 'gap') void queries.invalidateQueries({ queryKey: key })
    else if (pages !== 'known') queries.setQueryData(key, { ...known, pages })
  }
}
