import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { recoveriesQuery, systemQuery } from '../../api/queries'
import type { Recovery } from '../../api/types'
import { paths, shortId } from '../../lib/paths'
import { jaegerUrl, readSummary, type Summary } from '../../lib/system'
import { duration } from '../../lib/time'
import { Card, Page } from '../../ui/Page'
import { Answer } from '../../ui/States'
import { Fact, Facts, More, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { Health } from './Health'
import { SheetTable, Value, words } from './Sheet'

export function SystemPage() {
  const system = useQuery(systemQuery)
  const jaeger = jaegerUrl(system.data)
  return (
    <Page title="System" lead="The engine’s own organs, and what it mended." actions={jaeger && <a className="button" href={jaeger} rel="noreferrer" target="_blank">Jaeger</a>}>
      <Health />
      <Answer of={system} what="the system summary">{(data) => <Glance summary={readSummary(data)} />}</Answer>
      <Recoveries />
      {system.data !== undefined && readSummary(system.data).sheets.filter((sheet) => !ELSEWHERE.has(sheet.name)).map((sheet) => <SheetTable key={sheet.name} sheet={sheet} />)}
    </Page>
  )
}

/** Said elsewhere on this page or on its own, so not among the facts or tables. */
const ELSEWHERE = new Set(['workers', 'traces_url'])

function Glance({ summary }: { summary: Summary }) {
  const facts = summary.facts.filter(([name]) => !ELSEWHERE.has(name))
  if (facts.length + summary.problems.length === 0) return null
  return (
    <Card title="At a glance">
      {summary.problems.map((problem) => <p key={problem} className="quote" role="alert">{problem}</p>)}
      <Facts>{facts.map(([name, value]) => <Fact key={name} name={words(name)}><Value column={name} value={value} /></Fact>)}</Facts>
    </Card>
  )
}

function Recoveries() {
  const recoveries = useInfiniteQuery(recoveriesQuery)
  return (
    <Card title="Recovery log" aside="newest first">
      <Answer of={recoveries} what="the recovery log">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) {
            return <p>Nothing broke yet. <Link to={paths.start()}>Start the sample</Link> with a crash to see an entry.</p>
          }
          return (
            <>
              <Table caption="Recovery log" head={['Seen', 'What broke', 'Run and task', 'Worker', 'Decided', 'Outcome', 'Mended in', 'By']}>
                {items.map((one) => <RecoveryRow key={one.id} one={one} />)}
              </Table>
              <More has={recoveries.hasNextPage} busy={recoveries.isFetchingNextPage} onMore={recoveries.fetchNextPage} />
            </>
          )
        }}
      </Answer>
    </Card>
  )
}

function RecoveryRow({ one }: { one: Recovery }) {
  return (
    <tr>
      <td><Time at={one.seen_at} /></td>
      <td>{words(one.kind)}</td>
      <td>{one.run ? <Link to={paths.run(one.run)}><code title={one.task ?? one.run}>{shortId(one.run)}{one.task?.slice(one.run.length)}</code></Link> : '–'}{one.epoch !== undefined && `, attempt ${one.epoch}`}</td>
      <td><code>{one.worker ?? '–'}</code></td>
      <td className="wide">{words(one.decided)}</td>
      <td className="wide">{words(one.outcome)}</td>
      <td className="number gold">{one.duration_ms === undefined ? '–' : duration(one.duration_ms)}</td>
      <td>{one.by}</td>
    </tr>
  )
}
