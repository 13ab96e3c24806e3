import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { workersQuery } from '../../api/queries'
import type { Run } from '../../api/types'
import { paths } from '../../lib/paths'
import { reasons } from '../../lib/waiting'
import { useNow } from '../../ui/Time'

/** More reasons than this help nobody. */
const SHOWN = 5

/** Says what an open run waits for. */
export function Waiting({ run }: { run: Run }) {
  const now = useNow(500)
  const open = run.tasks.some((task) => task.status === 'scheduled')
  const workers = useQuery({ ...workersQuery, enabled: open })
  const all = reasons(run, workers.data?.items, now)
  if (all.length === 0) return null
  return (
    <ul className="reasons" aria-label="What it waits for">
      {all.slice(0, SHOWN).map((one) => (
        <li key={one.text}>
          {one.text} {one.letter && <Link to={paths.deadLetter(one.letter)}>Open the dead letter</Link>} {one.command && <code>{one.command}</code>}
        </li>
      ))}
      {all.length > SHOWN && <li>… and {all.length - SHOWN} more.</li>}
    </ul>
  )
}
