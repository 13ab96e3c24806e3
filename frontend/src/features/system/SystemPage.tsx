import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { systemQuery } from '../../api/queries'
import { paths } from '../../lib/paths'
import { jaegerUrl, partitions, readSummary, type Sheet, type Summary } from '../../lib/system'
import { Card, Page } from '../../ui/Page'
import { Answer } from '../../ui/States'
import { Fact, Facts } from '../../ui/Table'
import { Health } from './Health'
import { SheetBody, SheetTable, Value, words } from './Sheet'

/** Said elsewhere on this page or on its own, so not among the facts or tables. */
const ELSEWHERE = new Set(['workers', 'recoveries', 'traces_url', 'partitions', 'at'])

export function SystemPage() {
  const system = useQuery(systemQuery)
  const jaeger = jaegerUrl(system.data)
  return (
    <Page
      title="System"
      lead="The engine’s own organs: services, streams, queues and who owns what."
      actions={
        <>
          {jaeger && <a className="button" href={jaeger} rel="noreferrer" target="_blank">Jaeger</a>}
          <a className="button" href="/metrics">Metrics</a>
        </>
      }
    >
      <Health />
      <Answer of={system} what="the system summary">{(data) => <Parts summary={readSummary(data)} />}</Answer>
    </Page>
  )
}

function Parts({ summary }: { summary: Summary }) {
  const owners = summary.sheets.find((sheet) => sheet.name === 'partitions')
  return (
    <>
      <Glance summary={summary} />
      {summary.sheets.filter((sheet) => !ELSEWHERE.has(sheet.name)).map((sheet) => <SheetTable key={sheet.name} sheet={sheet} />)}
      {owners && <Partitions sheet={owners} />}
    </>
  )
}

function Glance({ summary }: { summary: Summary }) {
  const facts = summary.facts.filter(([name]) => !ELSEWHERE.has(name))
  const where: Readonly<Record<string, string>> = { dead_letters_open: paths.deadLetters(), definitions: paths.definitions() }
  return (
    <Card title="At a glance" aside={<Link to={paths.recoveries()}>What was mended</Link>}>
      {summary.problems.map((problem) => <p key={problem} className="quote" role="alert">{problem}</p>)}
      <Facts>
        {facts.map(([name, value]) => {
          const shown = <Value column={name} value={value} />
          const status = /^runs: (.*)$/.exec(name)?.[1]
          const to = where[name] ?? (status && paths.runs({ status }))
          return <Fact key={name} name={words(name)}>{to ? <Link className="plain" to={to}>{shown}</Link> : shown}</Fact>
        })}
      </Facts>
    </Card>
  )
}

/** Partitions are many and mostly alike: what they say together, and each on demand. */
function Partitions({ sheet }: { sheet: Sheet }) {
  const all = partitions(sheet)
  return (
    <Card title="Partitions" aside={`${all.count}, owned by ${all.owners} ${all.owners === 1 ? 'orchestrator' : 'orchestrators'}`}>
      <p>{all.lag === 0 ? 'Every event is dealt with.' : `At most ${all.lag.toLocaleString()} events wait to be dealt with.`}{all.unowned > 0 && ` ${all.unowned} have no owner at the moment.`}</p>
      <details>
        <summary>Each of them</summary>
        <SheetBody sheet={sheet} title="Partitions" />
      </details>
    </Card>
  )
}
