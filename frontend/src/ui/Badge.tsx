import type { ReactNode } from 'react'
import { RUN_MEANING, RUN_TONE, type RunStatus, type Tone } from '../lib/status'

/** A word with a tone. The word says it all; the colour only helps. */
export function Badge({ tone, title, children }: { tone: Tone; title?: string; children: ReactNode }) {
  return (
    <span className={`badge tone-${tone}`} title={title}>
      <i className="dot" aria-hidden="true" />
      {children}
    </span>
  )
}

export function RunBadge({ status }: { status: RunStatus }) {
  return (
    <Badge tone={RUN_TONE[status]} title={RUN_MEANING[status]}>
      {status}
    </Badge>
  )
}
