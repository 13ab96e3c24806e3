import type { ReactNode } from 'react'
import { faultText, type Fault as Shape } from '../lib/history'

/** An error of a run or a task, for people first: what happened, then of which kind, then where. */
export function Fault({ fault, children }: { fault: Shape; children?: ReactNode }) {
  const kind = fault.type?.split('/').at(-1)
  const head = fault.title && fault.title !== faultText(fault) ? fault.title : undefined
  return (
    <div className="quote">
      {head && <b>{head}. </b>}
      <span className="pre">{faultText(fault)}</span>
      <p className="fine">
        {kind && <span title={fault.type}>{kind} error{fault.status !== undefined && `, status ${fault.status}`}</span>}
        {fault.instance && <>{kind && ', '}in <code>{fault.instance}</code></>}
        {children}
      </p>
    </div>
  )
}
