import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from 'react-router'
import { useJaeger } from '../../api/links'
import { useLive } from '../../api/live'
import { deadLetterQuery } from '../../api/queries'
import type { DeadLetter } from '../../api/types'
import { capital, causeText, faultText, lossText, taskName } from '../../lib/history'
import { definitionPath, paths } from '../../lib/paths'
import { duration, toMs } from '../../lib/time'
import { Badge } from '../../ui/Badge'
import { Fault } from '../../ui/Fault'
import { Json } from '../../ui/Json'
import { Card, Page } from '../../ui/Page'
import { Answer } from '../../ui/States'
import { Fact, Facts, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { TraceLink } from '../../ui/TraceLink'
import { letterTone } from './tone'
import { Redrive } from './Redrive'

const KEYS = [['dead-letter']]

export function DeadLetterPage() {
  const { id = '' } = useParams()
  const letter = useQuery(deadLetterQuery(id))
  useLive('/v1/events', KEYS)
  const title = letter.data ? `Dead letter: ${taskName(letter.data.pointer)}` : 'Dead letter'
  return (
    <Page title={title} above={<Link to={paths.deadLetters()}>← Dead letters</Link>}>
      <Answer of={letter} what="the dead letter">{(data) => <Letter letter={data} />}</Answer>
    </Page>
  )
}

/** What became of the run, in words. */
function outcome(letter: DeadLetter): string {
  if (letter.status === 'discarded') return letter.outcome === 'fault' ? 'it faulted, and stays so' : 'it waits on, until somebody ends it by hand'
  if (letter.status !== 'open') return 'it went on with the redrive'
  if (letter.outcome === 'quarantine') return 'it waits: workers died with this task, and a redrive may kill more'
  if (letter.outcome === 'park') return 'it waits, with this task parked'
  return letter.outcome === 'fault' ? 'it faulted; a redrive takes it up again' : letter.outcome
}

function Letter({ letter }: { letter: DeadLetter }) {
  const jaeger = useJaeger()
  return (
    <>
      <div className="columns">
        <Card title="Why" aside={<Badge tone={letterTone(letter.status)}>{letter.status}</Badge>}>
          {letter.error ? <Fault fault={letter.error} /> : <p className="quote">{causeText(letter)}</p>}
          <Facts>
            <Fact name="The run">{outcome(letter)}</Fact>
            <Fact name="Run"><Link to={paths.run(letter.run, undefined, { task: letter.task })}><code>{letter.run}</code></Link></Fact>
            <Fact name="Definition"><Link to={definitionPath(letter.definition)}>{letter.definition}</Link></Fact>
            <Fact name="Task"><code>{letter.pointer}</code></Fact>
            <Fact name="Served by">type <code>{letter.type}</code>, queue <code>{letter.queue}</code></Fact>
            {letter.fingerprint && <Fact name="Died of the same"><Link to={paths.deadLetters({ fingerprint: letter.fingerprint })}><code>{letter.fingerprint}</code></Link></Fact>}
            <Fact name="Failed attempts">{letter.failures}</Fact>
            <Fact name="Crashed workers">{letter.crashes}</Fact>
            <Fact name="Dead since"><Time at={letter.at} /></Fact>
            {letter.redriven_at && <Fact name="Redriven"><Time at={letter.redriven_at} /></Fact>}
            <Fact name="Trace"><TraceLink id={letter.trace_id} jaeger={jaeger} /></Fact>
          </Facts>
        </Card>
        <Card title="Redrive"><Redrive key={letter.status} letter={letter} /></Card>
      </div>
      {letter.attempts.length > 0 && <Attempts letter={letter} />}
      <Card title="What the worker got"><Json value={letter.input} label="Input of the task" /></Card>
    </>
  )
}

function took(from: string | undefined, to: string | undefined): string {
  const [began, ended] = [toMs(from), toMs(to)]
  return began === undefined || ended === undefined ? '–' : duration(Math.max(0, ended - began))
}

function Attempts({ letter }: { letter: DeadLetter }) {
  return (
    <Card title="Attempts">
      <Table caption="Attempts of the task" head={['Attempt', 'Worker', 'Began', 'Took', 'What happened']}>
        {letter.attempts.map((attempt) => (
          <tr key={attempt.epoch}>
            <th scope="row">{attempt.epoch}</th>
            <td><code>{attempt.worker ?? '–'}</code></td>
            <td><Time at={attempt.started_at} exact /></td>
            <td className="number">{took(attempt.started_at, attempt.ended_at)}</td>
            <td className="wide">{attempt.lost ? `${capital(lossText(attempt.lost, attempt.worker))}.` : faultText(attempt.error)}</td>
          </tr>
        ))}
      </Table>
    </Card>
  )
}
