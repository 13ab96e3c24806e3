import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from 'react-router'
import { useLive } from '../../api/live'
import { humanTaskQuery } from '../../api/queries'
import type { HumanTask } from '../../api/types'
import { definitionPath, paths } from '../../lib/paths'
import { Json } from '../../ui/Json'
import { Card, Page } from '../../ui/Page'
import { Answer } from '../../ui/States'
import { Fact, Facts } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { AnswerForm } from './AnswerForm'
import { HumanBadge, Names } from './InboxPage'

const KEYS = [['human-task']]

export function HumanTaskPage() {
  const { id = '' } = useParams()
  const task = useQuery(humanTaskQuery(id))
  useLive('/v1/events', KEYS)
  return (
    <Page title={task.data?.title ?? 'A task of a person'} above={<Link to={paths.inbox()}>← Inbox</Link>}>
      <Answer of={task} what="the task">{(data) => <Task task={data} />}</Answer>
    </Page>
  )
}

function Task({ task }: { task: HumanTask }) {
  return (
    <div className="columns">
      <Card title="What is asked" aside={<HumanBadge status={task.status} />}>
        {task.description && <p className="text">{task.description}</p>}
        {task.data !== undefined && <Json value={task.data} label="To look at" />}
        <Facts>
          <Fact name="For"><Names names={task.assignees} /></Fact>
          <Fact name="Asked"><Time at={task.created_at} /></Fact>
          {task.due_at && <Fact name="Due"><Time at={task.due_at} exact /></Fact>}
          {task.escalated_at && <Fact name="Given on"><Time at={task.escalated_at} /></Fact>}
          {task.ended_at && <Fact name={task.status === 'answered' ? 'Answered' : 'Withdrawn'}><Time at={task.ended_at} /></Fact>}
          {task.answered_by && <Fact name="By">{task.answered_by}</Fact>}
          <Fact name="Run"><Link to={paths.run(task.run)}><code>{task.run}</code></Link></Fact>
          <Fact name="Definition"><Link to={definitionPath(task.definition)}>{task.definition}</Link></Fact>
          <Fact name="Task"><code>{task.pointer}</code></Fact>
        </Facts>
      </Card>
      <Card title="Answer"><AnswerForm task={task} /></Card>
    </div>
  )
}
