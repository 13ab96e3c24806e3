import { Link } from 'react-router'
import type { Attempt, Task } from '../../api/types'
import { capital, faultText, lossText } from '../../lib/history'
import { paths } from '../../lib/paths'
import { duration, toMs } from '../../lib/time'
import { Badge } from '../../ui/Badge'
import { Json } from '../../ui/Json'
import { Card } from '../../ui/Page'
import { Empty } from '../../ui/States'
import { Fact, Facts, More, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { ATTEMPT_TONE, deadLetterOf, TASK_MEANING, TASK_TONE } from './model'

export function Tasks({ tasks, more }: { tasks: readonly Task[]; more: (() => unknown) | undefined }) {
  if (tasks.length === 0) {
    return <Empty title="No task yet"><p>Tasks appear here when the first is given out to a worker.</p></Empty>
  }
  return (
    <>
      {tasks.map((task) => <TaskCard key={task.task} task={task} />)}
      <More has={more !== undefined} busy={false} onMore={() => more?.()} />
    </>
  )
}

function TaskCard({ task }: { task: Task }) {
  const letter = deadLetterOf(task)
  return (
    <Card
      title={task.name}
      aside={<Badge tone={TASK_TONE[task.status]} title={TASK_MEANING[task.status]}>{task.status.replaceAll('_', ' ')}</Badge>}
    >
      <Facts>
        <Fact name="Served by">type <code>{task.type}</code>, queue <code>{task.queue}</code></Fact>
        <Fact name="In the definition"><code>{task.pointer}</code></Fact>
        <Fact name="Failures">{task.failures}</Fact>
        <Fact name="Crashes">{task.crashes}</Fact>
        {task.status === 'backing_off' && <Fact name="Next attempt"><Time at={task.retry_at} relative /></Fact>}
        {letter && <Fact name="Dead letter"><Link to={paths.deadLetter(letter)}>Look and redrive</Link></Fact>}
      </Facts>
      <Table caption={`Attempts of ${task.name}`} head={['Attempt', 'Status', 'Worker', 'Given out', 'Took', 'What happened']}>
        {task.attempts.map((attempt) => <AttemptRow key={attempt.epoch} attempt={attempt} />)}
      </Table>
      {task.input !== undefined && <details><summary>Input</summary><Json value={task.input} label={`Input of ${task.name}`} /></details>}
      {task.output !== undefined && <details><summary>Output</summary><Json value={task.output} label={`Output of ${task.name}`} /></details>}
    </Card>
  )
}

function AttemptRow({ attempt }: { attempt: Attempt }) {
  const [from, to] = [toMs(attempt.started_at) ?? toMs(attempt.scheduled_at), toMs(attempt.ended_at)]
  return (
    <tr>
      <th scope="row">{attempt.epoch}</th>
      <td><Badge tone={ATTEMPT_TONE[attempt.status]}>{attempt.status.replaceAll('_', ' ')}</Badge></td>
      <td><code>{attempt.worker ?? '–'}</code></td>
      <td><Time at={attempt.scheduled_at} exact /></td>
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
