import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link, useParams, useSearchParams } from 'react-router'
import { useLive } from '../../api/live'
import { runQuery, tasksQuery } from '../../api/queries'
import type { Run } from '../../api/types'
import { faultText } from '../../lib/history'
import { definitionPath, paths, RUN_SECTIONS, type RunSection } from '../../lib/paths'
import { isOver } from '../../lib/status'
import { duration, toMs } from '../../lib/time'
import { RunBadge } from '../../ui/Badge'
import { Copy } from '../../ui/Copy'
import { Json } from '../../ui/Json'
import { Live } from '../../ui/Live'
import { Card, Page } from '../../ui/Page'
import { Answer } from '../../ui/States'
import { Fact, Facts } from '../../ui/Table'
import { Time, useNow } from '../../ui/Time'
import { Cancel } from './Cancel'
import { DefinitionSource } from './DefinitionSource'
import { History } from './History'
import { MendList } from './MendList'
import { drawn } from './model'
import { Tasks } from './Tasks'
import { Timeline } from './Timeline'
import { Trace } from './Trace'
import { Waiting } from './Waiting'

const NAMES: Record<RunSection, string> = {
  timeline: 'Timeline',
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
  const keys = useMemo(() => [['run', id]], [id])
  const live = useLive(!run.data || over ? undefined : `/v1/runs/${encodeURIComponent(id)}/events`, keys)
  return (
    <Page
      title={`Run ${id}`}
      above={<Link to={paths.runs()}>← Runs</Link>}
      lead={run.data && <Lead run={run.data} live={live} />}
      actions={run.data && !over && <Cancel run={id} />}
    >
      <Answer of={run} what="the run">{(data) => <Sections run={data} />}</Answer>
    </Page>
  )
}

function Lead({ run, live }: { run: Run; live: 'connecting' | 'live' | 'away' }) {
  return (
    <span className="inline-list">
      <RunBadge status={run.status} />
      <Link to={definitionPath(run.definition)}>{run.definition}</Link>
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
      {run.error && <p className="quote bad" role="status">{faultText(run.error)} <code>{run.error.instance}</code></p>}
      {!isOver(run.status) && <Waiting run={run} />}
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
  return (
    <Facts>
      <Fact name="Started"><Time at={run.created_at} /></Fact>
      <Fact name={over ? 'Took' : 'Running for'}>{duration(Math.max(0, (toMs(run.ended_at) ?? now) - begin))}</Fact>
      <Fact name="Tasks">{run.tasks.length}{run.tasks_truncated && ' and more'}</Fact>
      <Fact name="Attempts">{run.tasks.reduce((sum, task) => sum + task.attempts.length, 0)}</Fact>
      {!over && run.wake_at && <Fact name="Looked at again by"><Time at={run.wake_at} exact /></Fact>}
      <Fact name="Trace"><Trace id={run.trace_id} /></Fact>
      <Fact name="Run id"><Copy text={run.id} what="run id" short={run.id.length > 18 ? `${run.id.slice(0, 16)}…` : run.id} /></Fact>
    </Facts>
  )
}

/** Every task: those in the run's own answer, or all pages where it has more. */
function useTasks(run: Run) {
  const more = useInfiniteQuery(tasksQuery(run.id, run.tasks_truncated))
  const tasks = run.tasks_truncated && more.data ? more.data.pages.flatMap((page) => page.items) : run.tasks
  return { tasks, more: more.hasNextPage ? () => more.fetchNextPage() : undefined }
}

function Section({ run, current }: { run: Run; current: RunSection }) {
  const { tasks, more } = useTasks(run)
  const shown = useMemo(() => tasks.map(drawn), [tasks])
  switch (current) {
    case 'timeline':
      return (
        <>
          <Timeline tasks={shown} over={isOver(run.status)} />
          <MendList run={run.id} tasks={shown} />
        </>
      )
    case 'tasks':
      return <Tasks tasks={tasks} more={more} />
    case 'history':
      return <History run={run.id} />
    case 'data':
      return (
        <div className="columns">
          <Card title="Input"><Json value={run.input} label="Input of the run" /></Card>
          <Card title={run.error ? 'Error' : 'Output'}>
            {run.output === undefined && !run.error ? <p className="none">None yet: the run is not over.</p> : <Json value={run.error ?? run.output} label={run.error ? 'Error of the run' : 'Output of the run'} />}
          </Card>
        </div>
      )
    case 'definition':
      return <DefinitionSource reference={run.definition} />
  }
}
