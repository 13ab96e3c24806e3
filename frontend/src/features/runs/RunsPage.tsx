import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'
import { useLive } from '../../api/live'
import { runsQuery } from '../../api/queries'
import type { RunSummary } from '../../api/types'
import { definitionPath, isSince, paths } from '../../lib/paths'
import { isOver, isRunStatus } from '../../lib/status'
import { duration, toMs } from '../../lib/time'
import { RunBadge } from '../../ui/Badge'
import { Live } from '../../ui/Live'
import { Page } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { More, Table } from '../../ui/Table'
import { Time, useNow } from '../../ui/Time'
import { Filters } from './Filters'

const KEYS = [['runs']]

export function RunsPage() {
  const [search] = useSearchParams()
  const status = search.get('status') ?? ''
  const since = search.get('since')
  const filter = {
    status: isRunStatus(status) ? status : undefined,
    definition: search.get('definition') ?? undefined,
    since: isSince(since) ? since : undefined,
  }
  const runs = useInfiniteQuery(runsQuery(filter))
  const live = useLive('/v1/events', KEYS)
  const filtered = Object.values(filter).some((one) => one !== undefined)
  return (
    <Page title="Runs" lead={<Live state={live} />} actions={<Link className="button primary" to={paths.start()}>Start a run</Link>}>
      <Filters {...filter} />
      <Answer of={runs} what="runs">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) return <NoRuns filtered={filtered} />
          return (
            <>
              <RunTable runs={items} />
              <More has={runs.hasNextPage} busy={runs.isFetchingNextPage} onMore={runs.fetchNextPage} />
            </>
          )
        }}
      </Answer>
    </Page>
  )
}

function NoRuns({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No run matches">
        <Link className="button" to={paths.runs()}>Show all runs</Link>
      </Empty>
    )
  }
  return (
    <Empty title="Nothing has run yet">
      <p>Start the sample, break it on purpose, and watch the engine mend it.</p>
      <Link className="button primary" to={paths.start()}>Start the sample</Link>
    </Empty>
  )
}

function RunTable({ runs }: { runs: readonly RunSummary[] }) {
  const now = useNow(runs.some((run) => !isOver(run.status)) ? 1000 : undefined)
  return (
    <Table caption="Runs, newest first" head={['Run', 'Status', 'Definition', 'Started', 'Took', 'Mended']}>
      {runs.map((run) => (
        <tr key={run.id}>
          <th scope="row"><Link to={paths.run(run.id)}><code className="cut" title={run.id}>{run.id}</code></Link></th>
          <td><RunBadge status={run.status} /></td>
          <td><Link className="plain cut" to={definitionPath(run.definition)} title={run.definition}>{run.definition}</Link></td>
          <td><Time at={run.created_at} /></td>
          <td className="number">{took(run, now)}</td>
          <td className="number">{run.mends > 0 && <Link className="gold plain" to={paths.recoveries({ run: run.id })} title="Breaks of this run that the engine mended">{run.mends}×</Link>}</td>
        </tr>
      ))}
    </Table>
  )
}

function took(run: RunSummary, now: number): string {
  const from = toMs(run.created_at) ?? now
  const to = toMs(run.ended_at)
  return duration(to === undefined ? Math.max(0, Math.floor((now - from) / 1000) * 1000) : to - from)
}
