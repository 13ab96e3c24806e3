import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from 'react-router'
import { deadLetterQuery } from '../../api/queries'
import type { DeadLetter } from '../../api/types'
import { faultText, lossText, taskName } from '../../lib/history'
import { definitionPath, paths } from '../../lib/paths'
import { Badge } from '../../ui/Badge'
import { Copy } from '../../ui/Copy'
import { Json } from '../../ui/Json'
import { Card, Page } from '../../ui/Page'
import { Answer } from '../../ui/States'
import { Fact, Facts, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { Redrive } from './Redrive'

export function DeadLetterPage() {
  const { id = '' } = useParams()
  const letter = useQuery(deadLetterQuery(id))
  const title = letter.data ? `Dead letter: ${taskName(letter.data.pointer)}` : 'Dead letter'
  return (
    <Page title={title} above={<Link to={paths.deadLetters()}>← Dead letters</Link>}>
      <Answer of={letter} what="the dead letter">{(data) => <Letter letter={data} />}</Answer>
    </Page>
  )
}

/** What became of the run, in words. */
function outcome(letter: DeadLetter): string {
  if (letter.outcome === 'park') return 'It waits with this task parked.'
  return letter.outcome === 'fault' ? 'It faulted; a redrive takes it up again.' : letter.outcome
}

function Letter({ letter }: { letter: DeadLetter }) {
  return (
    <>
      <div className="columns">
        <Card title="Why" aside={<Badge tone={letter.status === 'open' ? 'bad' : 'mend'}>{letter.status}</Badge>}>
          <p className="quote">{faultText(letter.error)}</p>
          <Facts>
            <Fact name="Run"><Link to={paths.run(letter.run)}><code>{letter.run}</code></Link></Fact>
            <Fact name="The run">{outcome(letter)}</Fact>
            <Fact name="Definition"><Link to={definitionPath(letter.definition)}>{letter.definition}</Link></Fact>
            <Fact name="Task"><code>{letter.pointer}</code></Fact>
            <Fact name="Served by">type <code>{letter.type}</code>, queue <code>{letter.queue}</code></Fact>
            <Fact name="Failed attempts">{letter.failures}</Fact>
            <Fact name="Crashed workers">{letter.crashes}</Fact>
            <Fact name="Since"><Time at={letter.at} /></Fact>
            {letter.error && <Fact name="Error type"><code>{letter.error.type}</code> ({letter.error.status})</Fact>}
            <Fact name="Trace"><Copy text={letter.trace_id} what="trace id" /></Fact>
          </Facts>
        </Card>
        <Card title="Redrive"><Redrive key={letter.status} letter={letter} /></Card>
      </div>
      {letter.attempts.length > 0 && <Attempts letter={letter} />}
      <Card title="What the worker got"><Json value={letter.input} label="Input of the task" /></Card>
    </>
  )
}

function Attempts({ letter }: { letter: DeadLetter }) {
  return (
    <Card title="Attempts">
      <Table caption="Attempts of the task" head={['Attempt', 'Worker', 'Began', 'What happened']}>
        {letter.attempts.map((attempt) => (
          <tr key={attempt.epoch}>
            <th scope="row">{attempt.epoch}</th>
            <td><code>{attempt.worker ?? '–'}</code></td>
            <td><Time at={attempt.started_at} exact /></td>
            <td className="wide">{attempt.lost ? lossText(attempt.lost, attempt.worker) : faultText(attempt.error)}</td>
          </tr>
        ))}
      </Table>
    </Card>
  )
}
