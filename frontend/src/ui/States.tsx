/** The states that every page has besides its data. */

import type { ReactNode } from 'react'
import { asProblem } from '../lib/problem'
import { Copy } from './Copy'

export function Loading({ what }: { what: string }) {
  return (
    <div className="state" role="status">
      <span className="crack" aria-hidden="true" />
      Loading {what} …
    </div>
  )
}

/** Nothing is there, and what to do next. */
export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="state empty">
      <Bowl />
      <h2>{title}</h2>
      <div>{children}</div>
    </div>
  )
}

/** What could not be done, and the trace to quote. */
export function Failure({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const problem = asProblem(error)
  return (
    <div className="state failure" role="alert">
      <h2>{problem.title}</h2>
      {problem.detail && <p>{problem.detail}</p>}
      {problem.trace_id && (
        <p className="fine">
          Trace <Copy text={problem.trace_id} what="trace id" />
        </p>
      )}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

interface Asked<Data> {
  data: Data | undefined
  error: unknown
  refetch: () => unknown
}

/** Draws an answer in whichever state it is. Old data stay while a new request fails. */
export function Answer<Data>({ of, what, children }: { of: Asked<Data>; what: string; children: (data: Data) => ReactNode }) {
  if (of.data !== undefined) {
    return (
      <>
        {of.error !== null && <Stale error={of.error} />}
        {children(of.data)}
      </>
    )
  }
  if (of.error !== null) return <Failure error={of.error} retry={() => void of.refetch()} />
  return <Loading what={what} />
}

function Stale({ error }: { error: unknown }) {
  return (
    <p className="stale" role="status">
      This may be out of date: {asProblem(error).title}.
    </p>
  )
}

export function Bowl() {
  return (
    <svg className="bowl" viewBox="0 0 64 44" aria-hidden="true">
      <path className="clay" d="M4 4h56c-1 20-12 34-20 36H24C16 38 5 24 4 4Z" />
      <path className="gold" d="M34 4l-6 9 7 6-8 9 3 12M35 19l11 5" />
    </svg>
  )
}
