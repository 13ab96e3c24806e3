import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link, useNavigate, useParams, useSearchParams } from 'react-router'
import { useJaeger } from '../../api/links'
import { useLiveRun, type LiveState } from '../../api/live'
import { runQuery, tasksQuery } from '../../api/queries'
import type { Run, Task } from '../../api/types'
import { definitionPath, paths, RUN_SECTIONS, type RunSection } from '../../lib/paths'
import { isOver } from '../../lib/status'
import { duration, toMs } from '../../lib/time'
import { RunBadge } from '../../ui/Badge'
import { Copy } from '../../ui/Copy'
import { Fault } from '../../ui/Fault'
import { Live } from '../../ui/Live'
import { Page } from '../../ui/Page'
import { Answer } from '../../ui/States'
import { Fact, Facts, More } from '../../ui/Table'
import { Time, useNow } from '../../ui/Time'
import { TraceLink } from '../../ui/TraceLink'
import { Cancel } from './Cancel'
import { Data } from './Data'
import { DefinitionSource } from './DefinitionSource'
import { Drawing } from './Drawing'
import { Explained } from './Explained'
import { History } from './History'
import { Latest } from './Latest'
import { Mends } from './Mends'
import { drawn, repeated } from './model'
import { Suspend } from './Steer'
import { TaskDetails, Tasks } from './Tasks'
import { Timeline } from './Timeline'
import { Waiting } from './Waiting'

const NAMES: Record<RunSection, string> = {
  timeline: 'Timeline',
  drawing: 'Drawing',
  tasks: 'Tasks',
  history: 'History',
  data: 'Input and output',
  definition: 'Definition',
}

function section(text: string | null): RunSection {
  return RUN_SECTIONS.find((one) => one === text) ?? 'timeline'
}

export function RunPage() {
  const { id = '' } = useParams()
  const run = useQuery(runQuery(id))
  const over = run.data !== undefined && isOver(run.data.status)
  const live = useLiveRun(id, run.data?.history_length, over)
  return (
    <Page
      title={`Run ${id}`}
      above={<Link to={paths.runs()}>← Runs</Link>}
      lead={run.data && <Lead run={run.data} live={live} />}
      actions={run.data && (over ? <Link className="button" to={paths.start(run.data.definition, run.data.id)}>Start another</Link> : <><Suspend run={id} suspended={run.data.status === 'suspended'} /><Cancel run={id} /></>)}
    >
      <Answer of={run} what="the run">{(data) => <Sections run={data} />}</Answer>
    </Page>
  )
}

function Lead({ run, live }: { run: Run; live: LiveState }) {
  return (
    <span className="inline-list">
      <RunBadge status={run.status} />
      <Link to={definitionPath(run.definition)}>{run.definition}</Link>
      {!isOver(run.status) && run.cancelling_since && <span>is being cancelled</span>}
      {!isOver(run.status) && <Live state={live} />}
    </span>
  )
}

function Sections({ run }: { run: Run }) {
  const [search] = useSearchParams()
  const current = section(search.get('section'))
  return (
    <>
      <Summary run={run} />
      {run.error && <div role="status"><Fault fault={run.error} /></div>}
      {!isOver(run.status) && <Waiting run={run} />}
      <Explained run={run} />
      <nav className="tabs" aria-label="Sections of the run">
        {RUN_SECTIONS.map((one) => (
          <Link key={one} to={paths.run(run.id, one)} replace aria-current={one === current ? 'page' : undefined}>{NAMES[one]}</Link>
        ))}
      </nav>
      <Section run={run} current={current} />
    </>
  )
}

function Summary({ run }: { run: Run }) {
  const over = isOver(run.status)
  const now = useNow(over ? undefined : 1000)
  const begin = toMs(run.created_at) ?? now
  const mends = run.tasks.reduce((sum, task) => sum + Math.max(0, task.attempts.length - 1), 0)
  const more = run.tasks_truncated ? ' and more' : ''
  const jaeger = useJaeger()
  return (
    <Facts>
      <Fact name="Started"><Time at={run.created_at} /></Fact>
      <Fact name={over ? 'Took' : 'Running for'}>{duration(Math.max(0, (toMs(run.ended_at) ?? now) - begin))}</Fact>
      <Fact name="Tasks">{run.tasks.length}{more}</Fact>
      <Fact name="Attempts">{run.tasks.reduce((sum, task) => sum + task.attempts.length, 0)}{more}{mends > 0 && <b className="gold"> ({mends} to mend)</b>}</Fact>
      {!over && run.wake_at && <Fact name="Looked at again by"><Time at={run.wake_at} exact /></Fact>}
      <Fact name="History">{run.history_length.toLocaleString()} {run.history_length === 1 ? 'entry' : 'entries'}</Fact>
      <Fact name="Trace"><TraceLink id={run.trace_id} jaeger={jaeger} /></Fact>
      <Fact name="Run id"><Copy text={run.id} what="run id" short={run.id.length > 18 ? `${run.id.slice(0, 16)}…` : run.id} /></Fact>
    </Facts>
  )
}

/** Every task: those in the run's own answer, or all pages that were read where it has more. */
function useTasks(run: Run) {
  const pages = useInfiniteQuery(tasksQuery(run.id, run.tasks_truncated))
  const older = run.tasks_truncated ? pages.data?.pages : undefined
  const tasks = useMemo(() => merged(run.tasks, older?.flatMap((page) => page.items) ?? []), [run.tasks, older])
  return { tasks, more: pages.hasNextPage ? pages.fetchNextPage : undefined, busy: pages.isFetchingNextPage }
}

/** Both without doubles, in the order of their numbers; what the run's own answer says is newer. */
function merged(own: readonly Task[], older: readonly Task[]): readonly Task[] {
  if (older.length === 0) return own
  const known = new Set(own.map((task) => task.number))
  return [...own, ...older.filter((task) => !known.has(task.number))].sort((a, b) => a.number - b.number)
}

function Section({ run, current }: { run: Run; current: RunSection }) {
  const { tasks, more, busy } = useTasks(run)
  const older = <More has={more !== undefined} busy={busy} onMore={() => more?.()} name="Show older tasks" />
  switch (current) {
    case 'timeline':
      return <Overview run={run} tasks={tasks} older={older} />
    case 'drawing':
      return <Drawing run={run} tasks={tasks} older={older} />
    case 'tasks':
      return <><Tasks run={run.id} tasks={tasks} />{older}</>
    case 'history':
      return <History run={run} />
    case 'data':
      return <Data run={run} />
    case 'definition':
      return <DefinitionSource reference={run.definition} />
  }
}

function Overview({ run, tasks, older }: { run: Run; tasks: readonly Task[]; older: React.ReactNode }) {
  const [search] = useSearchParams()
  const navigate = useNavigate()
  const shown = useMemo(() => tasks.map(drawn), [tasks])
  const chosen = tasks.find((task) => task.task === search.get('task'))
  const choose = (key: string) => {
    void navigate(paths.run(run.id, 'timeline', { task: key === chosen?.task ? undefined : key }), { replace: true })
  }
  return (
    <>
      <Timeline tasks={shown} over={isOver(run.status)} chosen={chosen?.task} repeats={repeated(tasks)} onChoose={choose} />
      {older}
      {chosen && <TaskDetails task={chosen} />}
      <Mends run={run.id} tasks={shown} />
      <Latest run={run} />
    </>
  )
}
