/** What the server pushes: a stream that comes back by itself, and rests while nobody looks. */

import { useQueryClient, type QueryKey } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { EventReader, type ServerEvent } from '../lib/sse'
import { authorization } from './token'

/** Changes are gathered for so long, and then asked for once. */
const GATHER_MS = 300
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 10_000

export type LiveState = 'connecting' | 'live' | 'away'

interface Listener {
  event: (event: ServerEvent) => void
  state: (state: LiveState) => void
}

/** Follows a stream to its end; says whether it is over for good (status 204). */
async function follow(path: string, last: { id: string | undefined }, listener: Listener, signal: AbortSignal): Promise<boolean> {
  const headers = { accept: 'text/event-stream', ...authorization(), ...(last.id !== undefined && { 'last-event-id': last.id }) }
  const response = await fetch(path, { headers, signal, cache: 'no-store' })
  if (response.status === 204) return true
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
  listener.state('live')
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  const events = new EventReader()
  for (;;) {
    const { done, value } = await reader.read()
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
    const { signal } = (stop = new AbortController())
    void follow(path, last, { ...listener, state: (state) => { pause = RETRY_MIN_MS; listener.state(state) } }, signal)
      .catch(() => false)
      .then((over) => {
        if (over || signal.aborted) return
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

/**
 * Asks anew for `keys` whenever the server says that something changed, at most every 300 ms.
 * Without a `path` nothing is followed. `keys` must be the same array on every rendering.
 */
export function useLive(path: string | undefined, keys: readonly QueryKey[]): LiveState {
  const queries = useQueryClient()
  const [state, setState] = useState<LiveState>('connecting')
  useEffect(() => {
    if (path === undefined) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const refresh = () => {
      timer = undefined
      for (const queryKey of keys) void queries.invalidateQueries({ queryKey })
    }
    const event = () => { timer ??= setTimeout(refresh, GATHER_MS) }
    const stop = subscribe(path, { event, state: (next) => { setState(next); if (next === 'live') event() } })
    return () => {
      clearTimeout(timer)
      stop()
    }
  }, [path, keys, queries])
  return state
}
