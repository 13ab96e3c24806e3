import { useQuery } from '@tanstack/react-query'
import { Fragment } from 'react'
import { Link, useSearchParams } from 'react-router'
import { taskQuery } from '../../api/queries'
import type { Attempt, Task } from '../../api/types'
import { capital, faultText, lossText } from '../../lib/history'
import { paths } from '../../lib/paths'
import { bytes } from '../../lib/system'
import { duration, toMs } from '../../lib/time'
import { Badge } from '../../ui/Badge'
import { Fault } from '../../ui/Fault'
import { Json } from '../../ui/Json'
import { Card } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { Fact, Facts, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { ATTEMPT_TONE, deadLetterOf, repeated, TASK_MEANING, TASK_TONE } from './model'
import { RetryNow } from './Steer'

const HEAD = ['Task', 'Status', 'Type', 'Attempts', 'Worker', 'Given out', 'Took', 'Last error']

/** Every task in a row, or those at one place of the definition; one of them may be open. */
export function Tasks({ run, tasks }: { run: string; tasks: readonly Task[] }) {
  const [search] = useSearchParams()
  const open = search.get('task')
  const at = search.get('at') ?? undefined
  const repeats = repeated(tasks)
  if (tasks.length === 0) {
    return <Empty title="No task yet"><p>Tasks appear here when the first is given out to a worker.</p></Empty>
  }
  const shown = at === undefined ? tasks : tasks.filter(({ pointer }) => pointer === at)
  return (
    <>
      {at !== undefined && <p className="bar-actions"><span>{shown.length} of {tasks.length}: those at <code>{at}</code></span><Link to={paths.run(run, 'tasks')} replace>Show all</Link></p>}
      <Table caption="Tasks in the order of dispatch" head={HEAD}>
        {shown.map((task) => (
          <Fragment key={task.task}>
            <TaskRow run={run} task={task} open={task.task === open} at={at} numbered={repeats.has(task.name)} />
            {task.task === open && <tr className="details"><td colSpan={HEAD.length}><TaskDetails task={task} /></td></tr>}
          </Fragment>
        ))}
      </Table>
    </>
  )
}

function TaskStatusBadge({ task }: { task: Task }) {
  return <Badge tone={TASK_TONE[task.status]} title={TASK_MEANING[task.status]}>{task.status.replaceAll('_', ' ')}</Badge>
}

function TaskRow({ run, task, open, at, numbered }: { run: string; task: Task; open: boolean; at: string | undefined; numbered: boolean }) {
  const [from, to] = [toMs(task.scheduled_at), toMs(task.ended_at)]
  return (
    <tr aria-current={open ? 'true' : undefined}>
      <th scope="row">
        <Link to={paths.run(run, 'tasks', { task: open ? undefined : task.task, at })} replace aria-expanded={open} title={task.pointer}>{task.name}</Link>{numbered && <small> {task.number}</small>}
      </th>
      <td><TaskStatusBadge task={task} /></td>
      <td><code>{task.queue === 'default' ? task.type : `${task.queue}/${task.type}`}</code></td>
      <td className={task.attempt > 1 ? 'number gold' : 'number'}>{task.attempt}</td>
      <td><code className="cut" title={task.worker}>{task.worker ?? '–'}</code></td>
      <td><Time at={task.scheduled_at} exact /></td>
      <td className="number">{from !== undefined && to !== undefined ? duration(to - from) : '–'}</td>
      <td className="wide">{task.error && task.status !== 'completed' ? faultText(task.error) : ''}</td>
    </tr>
  )
}

/** One task with every attempt and its payloads. */
export function TaskDetails({ task }: { task: Task }) {
  const letter = deadLetterOf(task)
  return (
    <Card title={task.name} aside={<TaskStatusBadge task={task} />}>
      <Facts>
        <Fact name="Served by">type <code>{task.type}</code>, queue <code>{task.queue}</code></Fact>
        <Fact name="In the definition"><code>{task.pointer}</code></Fact>
        <Fact name="Failures">{task.failures}</Fact>
        <Fact name="Crashes">{task.crashes}</Fact>
        {task.status === 'backing_off' && <Fact name="Next attempt"><Time at={task.retry_at} relative /> <RetryNow task={task} /></Fact>}
        {letter && <Fact name="Dead letter"><Link to={paths.deadLetter(letter)}>Look and redrive</Link></Fact>}
      </Facts>
      {task.error && task.status !== 'completed' && <Fault fault={task.error} />}
      <Table caption={`Attempts of ${task.name}`} head={['Attempt', 'Status', 'Worker', 'Given out', 'Waited', 'Worked', 'What happened']}>
        {task.attempts.map((attempt) => <AttemptRow key={attempt.epoch} attempt={attempt} />)}
      </Table>
      {task.partial && <p className="fine">Not every attempt is listed here: the history in between was not read. <Link to={paths.run(task.run, 'history')}>The history</Link> has them all.</p>}
      <Payload task={task} what="Input" value={task.input} size={task.input_bytes} />
      <Payload task={task} what="Output" value={task.output} size={task.output_bytes} />
    </Card>
  )
}

function Payload({ task, what, value, size }: { task: Task; what: 'Input' | 'Output'; value: unknown; size: number | undefined }) {
  const label = `${what} of ${task.name}`
  if (size !== undefined) return <details><summary>{what} ({bytes(size)})</summary><Large task={task} what={what} label={label} /></details>
  if (value === undefined) return null
  return <details><summary>{what}</summary><Json value={value} label={label} /></details>
}

/** Lists leave large payloads out, so it is asked for by itself. */
function Large({ task, what, label }: { task: Task; what: 'Input' | 'Output'; label: string }) {
  const whole = useQuery(taskQuery(task.task))
  return <Answer of={whole} what={label}>{(data) => <Json value={what === 'Input' ? data.input : data.output} label={label} />}</Answer>
}

function AttemptRow({ attempt }: { attempt: Attempt }) {
  const [given, from, to] = [toMs(attempt.scheduled_at), toMs(attempt.started_at), toMs(attempt.ended_at)]
  return (
    <tr>
      <th scope="row">{attempt.epoch}</th>
      <td><Badge tone={ATTEMPT_TONE[attempt.status]}>{attempt.status.replaceAll('_', ' ')}</Badge></td>
      <td><code className="cut" title={attempt.worker}>{attempt.worker ?? '–'}</code></td>
      <td><Time at={attempt.scheduled_at} exact /></td>
      <td className="number">{given !== undefined && from !== undefined ? duration(Math.max(0, from - given)) : '–'}</td>
      <td className="number">{from !== undefined && to !== undefined ? duration(to - from) : '–'}</td>
      <td className="wide">{what(attempt)}</td>
    </tr>
  )
}

function what(attempt: Attempt): string {
  const refused = attempt.refused > 0 ? ` ${attempt.refused} late result${attempt.refused > 1 ? 's' : ''} refused.` : ''
  if (attempt.status === 'lost') return `${capital(lossText(attempt.cause, attempt.worker))}.${refused}`
  if (attempt.status === 'timed_out') return `It took longer than it may.${refused}`
  return attempt.error ? `${faultText(attempt.error)}${refused}` : refused.trim()
}
