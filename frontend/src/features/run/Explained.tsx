import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'
import { explanationQuery } from '../../api/queries'
import type { Cause, Explanation, Run } from '../../api/types'
import { subjectPath } from '../../lib/paths'
import { isOver } from '../../lib/status'
import { Answer } from '../../ui/States'
import { Time } from '../../ui/Time'

/** The chain of causes, asked for by whoever wants to know. */
export function Explained({ run }: { run: Run }) {
  const [open, setOpen] = useState(false)
  const told = useQuery(explanationQuery(run.id, open, isOver(run.status)))
  return (
    <details className="card explained" open={open} onToggle={(event) => { setOpen(event.currentTarget.open) }}>
      <summary>{isOver(run.status) ? 'How did it end?' : 'Why does it stand still?'}</summary>
      {open && <Answer of={told} what="the explanation">{(data) => <Told told={data} />}</Answer>}
    </details>
  )
}

function Told({ told }: { told: Explanation }) {
  const more = told.others.length + told.more
  return (
    <>
      <p>It is <b>{told.state}</b>{more > 0 && ` (and ${String(more)} other open ${more === 1 ? 'part' : 'parts'})`}.</p>
      <Chain causes={told.causes} label="Causes, the nearest first" />
      {told.others.map((line) => (
        <section key={`${line.subject.kind} ${line.subject.id}`} aria-label={line.subject.id}>
          <h3>{line.subject.kind} {line.subject.id}: {line.state}</h3>
          <Chain causes={line.causes} label={`Causes of ${line.subject.id}`} />
        </section>
      ))}
    </>
  )
}

function Chain({ causes, label }: { causes: readonly Cause[]; label: string }) {
  return (
    <ol aria-label={label}>
      {causes.map((cause, index) => (
        // The same cause may stand in a chain twice, about two runs.
        <li key={`${String(index)} ${cause.code}`}>
          <About cause={cause} /> <code>{cause.code}</code>
          {cause.since && <div className="fine">Since <Time at={cause.since} exact /></div>}
          {cause.unblocked_by && <div className="fine">Ended by {cause.unblocked_by}</div>}
          {cause.next && <div className="fine">Next: {cause.next.what}{cause.next.at && <>, by <Time at={cause.next.at} exact /></>}</div>}
        </li>
      ))}
    </ol>
  )
}

function About({ cause }: { cause: Cause }) {
  const path = cause.subject && subjectPath(cause.subject)
  return path ? <Link to={path}>{cause.what}</Link> : <span>{cause.what}</span>
}
