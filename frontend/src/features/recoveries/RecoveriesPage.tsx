import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'
import { useLive } from '../../api/live'
import { glanceQuery, recoveriesQuery } from '../../api/queries'
import type { Recovery } from '../../api/types'
import { paths, shortId } from '../../lib/paths'
import { RECOVERY_KINDS, recoveryKind, recoveryCounts, spread } from '../../lib/recovery'
import { duration } from '../../lib/time'
import { Live } from '../../ui/Live'
import { Page } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { Fact, Facts, More, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { Promises } from './Promises'

const KEYS = [['recoveries']]

/** What broke and how it was mended: what no other engine shows. */
export function RecoveriesPage() {
  const [search] = useSearchParams()
  const filter = { run: search.get('run') ?? undefined, kind: search.get('kind') ?? undefined }
  const recoveries = useInfiniteQuery(recoveriesQuery(filter))
  const live = useLive('/v1/events', KEYS)
  return (
    <Page title="Recoveries" lead={<span className="inline-list">What broke, who saw it, what was decided, and how long the mend took. <Live state={live} /></span>}>
      <Promises />
      <KindFilter {...filter} />
      <Answer of={recoveries} what="the recovery log">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) return <Nothing filtered={filter.run !== undefined || filter.kind !== undefined} />
          return (
            <>
              <Times items={items} />
              <Table caption="Recovery log, newest first" head={['Seen', 'What broke', 'Run and task', 'Worker', 'Decided', 'Outcome', 'Mended in']}>
                {items.map((one) => <Row key={one.id} one={one} />)}
              </Table>
              <More has={recoveries.hasNextPage} busy={recoveries.isFetchingNextPage} onMore={recoveries.fetchNextPage} />
            </>
          )
        }}
      </Answer>
    </Page>
  )
}

function KindFilter({ run, kind }: { run: string | undefined; kind: string | undefined }) {
  const counts = recoveryCounts(useQuery(glanceQuery).data)
  const kinds = [...new Set([...Object.keys(RECOVERY_KINDS), ...counts.keys()])].filter((one) => counts.has(one) || one === kind)
  if (kinds.length === 0 && !run) return null
  return (
    <div className="filters">
      <nav aria-label="Filter by kind" className="chips">
        <Link to={paths.recoveries({ run })} aria-current={kind === undefined ? 'true' : undefined}>all</Link>
        {kinds.map((one) => (
          <Link key={one} to={paths.recoveries({ run, kind: one })} title={recoveryKind(one).meaning} aria-current={kind === one ? 'true' : undefined}>
            {recoveryKind(one).name} <span className="fine">{(counts.get(one) ?? 0).toLocaleString()}</span>
          </Link>
        ))}
      </nav>
      {run && <p className="chips" aria-label="Narrowed to"><Link to={paths.recoveries({ kind })} title="Show all again">run: {run} ✕</Link></p>}
    </div>
  )
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty title="No recovery matches"><Link className="button" to={paths.recoveries()}>Show all</Link></Empty>
  return (
    <Empty title="Nothing broke yet">
      <p>Start the sample with a crash, and watch the engine mend it.</p>
      <Link className="button primary" to={paths.start()}>Start the sample</Link>
    </Empty>
  )
}

/** How long the mends took that are listed. */
function Times({ items }: { items: readonly Recovery[] }) {
  const found = spread(items.flatMap((one) => (one.duration_ms === undefined || one.kind === 'result_fenced' ? [] : [one.duration_ms])))
  if (!found) return null
  return (
    <Facts>
      <Fact name="Mends listed">{found.count}</Fact>
      <Fact name="Half of them within"><b className="gold">{duration(found.p50)}</b></Fact>
      <Fact name="99 of 100 within"><b className="gold">{duration(found.p99)}</b></Fact>
      <Fact name="The longest">{duration(found.max)}</Fact>
    </Facts>
  )
}

function Row({ one }: { one: Recovery }) {
  const kind = recoveryKind(one.kind)
  return (
    <tr>
      <td><Time at={one.seen_at} exact /></td>
      <td title={kind.meaning}>{kind.name}<div className="fine">seen by {kind.seenBy}</div></td>
      <td>
        {one.run ? <Link to={paths.run(one.run, undefined, { task: one.task })}><code title={one.task ?? one.run}>{shortId(one.run)}{one.task?.slice(one.run.length)}</code></Link> : '–'}
        {one.epoch !== undefined && <div className="fine">attempt {one.epoch}</div>}
      </td>
      <td><code className="cut" title={one.worker}>{one.worker ?? '–'}</code></td>
      <td className="wide">{one.decided}<div className="fine">by the {one.by}</div></td>
      <td>{one.outcome}</td>
      <td className="number gold">{one.duration_ms === undefined ? '–' : duration(one.duration_ms)}</td>
    </tr>
  )
}
