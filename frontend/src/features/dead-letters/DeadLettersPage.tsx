import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'
import { useLive } from '../../api/live'
import { deadLettersQuery } from '../../api/queries'
import type { DeadLetter } from '../../api/types'
import { faultText, taskName } from '../../lib/history'
import { paths } from '../../lib/paths'
import { Badge } from '../../ui/Badge'
import { Page } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { More, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'

const KEYS = [['dead-letters']]
const CHOICES = [
  ['open', 'open'],
  ['redriven', 'redriven'],
  [undefined, 'all'],
] as const

export function DeadLettersPage() {
  const [search] = useSearchParams()
  const given = search.get('status') ?? 'open'
  const status = given === 'all' ? undefined : given
  const letters = useInfiniteQuery(deadLettersQuery(status))
  useLive('/v1/events', KEYS)
  return (
    <Page title="Dead letters" lead="Tasks that exhausted their policy. A redrive gives them new attempts, and the run goes on.">
      <nav aria-label="Filter by state" className="chips">
        {CHOICES.map(([value, name]) => (
          <Link key={name} to={paths.deadLetters(value ?? 'all')} aria-current={status === value ? 'true' : undefined}>{name}</Link>
        ))}
      </nav>
      <Answer of={letters} what="dead letters">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) return <NoLetters status={status} />
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

function NoLetters({ status }: { status: string | undefined }) {
  return (
    <Empty title={status === 'open' ? 'No dead letter is open' : 'There are none'}>
      <p>
        To see one, <Link to={paths.start()}>start the sample</Link> with the failure “cannot be done”.
      </p>
    </Empty>
  )
}

function LetterTable({ letters }: { letters: readonly DeadLetter[] }) {
  return (
    <Table caption="Dead letters, newest first" head={['Task', 'Why', 'Attempts', 'State', 'Since', 'Run']}>
      {letters.map((letter) => (
        <tr key={letter.id}>
          <th scope="row"><Link to={paths.deadLetter(letter.id)}>{taskName(letter.pointer)}</Link> <span className="fine">{letter.type}</span></th>
          <td className="wide">{faultText(letter.error)}</td>
          <td className="number">{letter.epoch}</td>
          <td><Badge tone={letter.status === 'open' ? 'bad' : 'mend'}>{letter.status}</Badge></td>
          <td><Time at={letter.at} /></td>
          <td><Link className="plain" to={paths.run(letter.run)}><code>{letter.run}</code></Link></td>
        </tr>
      ))}
    </Table>
  )
}
