import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { humanTasksQuery, workersQuery } from '../../api/queries'
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
  const asked = useInfiniteQuery({ ...humanTasksQuery({ status: 'open', run: run.id }), enabled: run.status === 'waiting' || run.status === 'running' })
  const people = asked.data?.pages.flatMap((page) => page.items) ?? []
  // A person's answer is what it waits for, whatever timer stands beside it.
  const all = reasons(people.length > 0 ? { ...run, wake_at: undefined } : run, workers.data?.items, now)
  if (all.length + people.length === 0) return null
  return (
    <ul className="reasons" aria-label="What it waits for">
      {people.slice(0, SHOWN).map((task) => (
        <li key={task.id}>
          {task.assignees.length > 0 ? task.assignees.join(', ') : 'Anyone'} is asked: “{task.title}”. <Link to={paths.humanTask(task.id)}>Answer it</Link>
        </li>
      ))}
      {people.length > SHOWN && <li>… and {people.length - SHOWN} more of people.</li>}
      {all.slice(0, SHOWN).map((one) => (
        <li key={one.text}>
          {one.text} {one.letter && <Link to={paths.deadLetter(one.letter)}>Open the dead letter</Link>} {one.command && <code>{one.command}</code>}
        </li>
      ))}
      {all.length > SHOWN && <li>… and {all.length - SHOWN} more.</li>}
    </ul>
  )
}
