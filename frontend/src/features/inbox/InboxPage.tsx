import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearchParams } from 'react-router'
import { useLive } from '../../api/live'
import { humanTasksQuery } from '../../api/queries'
import type { HumanTask } from '../../api/types'
import { paths } from '../../lib/paths'
import { Badge } from '../../ui/Badge'
import { Page } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { More, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'

const KEYS = [['human-tasks']]
const STATES = ['open', 'answered', 'withdrawn', 'all'] as const
const TONES: Readonly<Record<string, 'hold' | 'good'>> = { open: 'hold', answered: 'good' }

/** How a task of a person stands. */
export function HumanBadge({ status }: { status: string }) {
  return <Badge tone={TONES[status] ?? 'quiet'}>{status}</Badge>
}

export function InboxPage() {
  const [search] = useSearchParams()
  const state = search.get('status') ?? 'open'
  const assignee = search.get('for') ?? undefined
  const tasks = useInfiniteQuery(humanTasksQuery({ status: state === 'all' ? undefined : state, assignee }))
  useLive('/v1/events', KEYS)
  return (
    <Page title="Inbox" lead="What workflows ask people. A run goes on with the answer.">
      <div className="filters">
        <nav aria-label="Filter by state" className="chips">
          {STATES.map((one) => (
            <Link key={one} to={paths.inbox({ status: one, assignee })} aria-current={state === one ? 'true' : undefined}>{one}</Link>
          ))}
        </nav>
        <Whose key={assignee} state={state} assignee={assignee} />
      </div>
      <Answer of={tasks} what="the inbox">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) return <Nothing state={state} assignee={assignee} />
          return (
            <>
              <Tasks tasks={items} />
              <More has={tasks.hasNextPage} busy={tasks.isFetchingNextPage} onMore={tasks.fetchNextPage} />
            </>
          )
        }}
      </Answer>
    </Page>
  )
}

/** Whose tasks are shown; those for anyone are always there. */
function Whose({ state, assignee }: { state: string; assignee: string | undefined }) {
  const navigate = useNavigate()
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        const name = new FormData(event.currentTarget).get('for')
        void navigate(paths.inbox({ status: state, assignee: typeof name === 'string' ? name.trim() : undefined }))
      }}
    >
      <input name="for" defaultValue={assignee} aria-label="Person or group" placeholder="Person or group" />
      <button type="submit">Show</button>
    </form>
  )
}

function Nothing({ state, assignee }: { state: string; assignee: string | undefined }) {
  const whom = assignee ? ` for ${assignee}` : ''
  return (
    <Empty title={state === 'open' ? `Nothing waits for an answer${whom}` : `There are none${whom}`}>
      <p>A workflow asks a person with <code>call: human-task</code>.</p>
    </Empty>
  )
}

function Tasks({ tasks }: { tasks: readonly HumanTask[] }) {
  return (
    <Table caption="Tasks of people, newest first" head={['What', 'For', 'State', 'Asked', 'Due', 'Run']}>
      {tasks.map((task) => (
        <tr key={task.id}>
          <th scope="row" className="wide">
            <div><Link to={paths.humanTask(task.id)}>{task.title}</Link></div>
            <div className="fine cut" title={task.definition}>{task.definition}</div>
          </th>
          <td className="wide"><Names names={task.assignees} /></td>
          <td><HumanBadge status={task.status} />{task.answered_by && <div className="fine">by {task.answered_by}</div>}</td>
          <td><Time at={task.created_at} /></td>
          <td>{task.due_at ? <Time at={task.due_at} /> : '–'}{task.escalated_at && <div className="fine">given on</div>}</td>
          <td><Link className="plain" to={paths.run(task.run)}><code className="cut" title={task.run}>{task.run}</code></Link></td>
        </tr>
      ))}
    </Table>
  )
}

/** Whose a task is. */
export function Names({ names }: { names: readonly string[] }) {
  return names.length === 0 ? <span className="none">anyone</span> : <>{names.join(', ')}</>
}
