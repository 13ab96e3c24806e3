import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'
import { useLive } from '../../api/live'
import { deadLettersQuery, type LettersFilter } from '../../api/queries'
import type { DeadLetter } from '../../api/types'
import { causeText, taskName } from '../../lib/history'
import { paths } from '../../lib/paths'
import { Badge } from '../../ui/Badge'
import { Page } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { More, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { letterTone } from './tone'
import { RedriveMany } from './RedriveMany'

const KEYS = [['dead-letters']]
const STATES = ['open', 'redriven', 'discarded', 'all'] as const

export function DeadLettersPage() {
  const [search] = useSearchParams()
  const state = search.get('status') ?? 'open'
  const filter = { fingerprint: search.get('fingerprint') ?? undefined, type: search.get('type') ?? undefined, queue: search.get('queue') ?? undefined, run: search.get('run') ?? undefined }
  const letters = useInfiniteQuery(deadLettersQuery({ ...filter, status: state === 'all' ? undefined : state }))
  useLive('/v1/events', KEYS)
  return (
    <Page title="Dead letters" lead="Tasks that exhausted their policy. A redrive gives them new attempts, and the run goes on." actions={<Link className="button" to={paths.letterGroups()}>By cause</Link>}>
      <div className="filters">
        <nav aria-label="Filter by state" className="chips">
          {STATES.map((one) => (
            <Link key={one} to={paths.deadLetters({ ...filter, status: one })} aria-current={state === one ? 'true' : undefined}>{one}</Link>
          ))}
        </nav>
        <Narrowed state={state} filter={filter} />
      </div>
      <Answer of={letters} what="dead letters">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) return <NoLetters status={state} />
          return (
            <>
              <LetterTable letters={items} />
              <More has={letters.hasNextPage} busy={letters.isFetchingNextPage} onMore={letters.fetchNextPage} />
            </>
          )
        }}
      </Answer>
    </Page>
  )
}

/** What the list is narrowed to besides, each with the way out of it. */
function Narrowed({ state, filter }: { state: string; filter: LettersFilter }) {
  const given = Object.entries(filter).filter((pair): pair is [string, string] => Boolean(pair[1]))
  if (given.length === 0) return null
  return (
    <p className="chips" aria-label="Narrowed to">
      {given.map(([name, value]) => (
        <Link key={name} to={paths.deadLetters({ ...filter, status: state, [name]: undefined })} title="Show all again">{name}: {value} ✕</Link>
      ))}
    </p>
  )
}

function NoLetters({ status }: { status: string }) {
  return (
    <Empty title={status === 'open' ? 'No dead letter is open' : 'There are none'}>
      <p>
        To see one, <Link to={paths.start()}>start the sample</Link> with the failure “cannot be done”.
      </p>
    </Empty>
  )
}

function LetterTable({ letters }: { letters: readonly DeadLetter[] }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const open = letters.filter((letter) => letter.status === 'open')
  const picked = open.filter((letter) => chosen.has(letter.id))
  const toggle = (ids: readonly string[], on: boolean) => {
    setChosen((before) => new Set(on ? [...before, ...ids] : [...before].filter((id) => !ids.includes(id))))
  }
  return (
    <>
      <RedriveMany letters={picked} onDone={() => { setChosen(new Set()) }} />
      <Table
        caption="Dead letters, newest first"
        head={[
          <input key="all" type="checkbox" aria-label="Choose every open one" disabled={open.length === 0} checked={open.length > 0 && picked.length === open.length} onChange={(event) => { toggle(open.map(({ id }) => id), event.target.checked) }} />,
          'Task', 'Type', 'Why', 'Attempts', 'State', 'Since', 'Run',
        ]}
      >
        {letters.map((letter) => (
          <tr key={letter.id}>
            <td>
              {letter.status === 'open' && <input type="checkbox" aria-label={`Choose ${taskName(letter.pointer)} of ${letter.run}`} checked={chosen.has(letter.id)} onChange={(event) => { toggle([letter.id], event.target.checked) }} />}
            </td>
            <th scope="row">
              <Link to={paths.deadLetter(letter.id)}>{taskName(letter.pointer)}</Link>
              <div className="fine cut" title={letter.definition}>{letter.definition}</div>
            </th>
            <td><Link className="plain" to={paths.deadLetters({ type: letter.type })} title={`Only tasks of type ${letter.type}`}>{letter.type}</Link></td>
            <td className="wide">{causeText(letter)}</td>
            <td className="number">{letter.epoch}</td>
            <td><Badge tone={letterTone(letter.status)}>{letter.status}</Badge></td>
            <td><Time at={letter.at} /></td>
            <td><Link className="plain" to={paths.run(letter.run)}><code className="cut" title={letter.run}>{letter.run}</code></Link></td>
          </tr>
        ))}
      </Table>
    </>
  )
}
