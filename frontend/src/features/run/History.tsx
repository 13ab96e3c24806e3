import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link, useSearchParams } from 'react-router'
import { historyQuery } from '../../api/queries'
import type { Run } from '../../api/types'
import { stepsOf, tell, type Sentence } from '../../lib/history'
import type { HistoryOrder } from '../../lib/pages'
import { paths } from '../../lib/paths'
import { Download } from '../../ui/Download'
import { Json } from '../../ui/Json'
import { Card } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { More } from '../../ui/Table'
import { Story } from './Story'

/** What is shown of it. */
const ONLY: Record<string, { name: string; shows: (sentence: Sentence) => boolean }> = {
  all: { name: 'everything', shows: () => true },
  breaks: { name: 'breaks and mends', shows: ({ tone }) => tone === 'bad' || tone === 'mend' || tone === 'hold' },
}

/** The history in sentences, and as it is stored for those who want to look under them. */
export function History({ run }: { run: Run }) {
  const [search] = useSearchParams()
  const order: HistoryOrder = search.get('order') === 'newest' ? 'newest' : 'oldest'
  const only = search.get('only') === 'breaks' ? 'breaks' : 'all'
  const history = useInfiniteQuery(historyQuery(run.id, order))
  const names = useMemo(() => new Map(run.tasks.map((task) => [task.number, task.name])), [run.tasks])
  const choices = (name: string, chosen: string, all: readonly [string, string, string][]) => (
    <nav className="chips" aria-label={name}>
      {all.map(([value, text, to]) => <Link key={value} to={to} replace aria-current={value === chosen ? 'true' : undefined}>{text}</Link>)}
    </nav>
  )
  return (
    <Answer of={history} what="the history">
      {({ pages }) => {
        const entries = pages.flatMap((page) => page.items)
        if (entries.length === 0) return <Empty title="No history yet"><p>The run was accepted and begins in a moment.</p></Empty>
        const told = tell(stepsOf(order === 'newest' ? entries.toReversed() : entries), names)
        const shown = told.filter((sentence) => ONLY[only]?.shows(sentence))
        return (
          <>
            <div className="filters">
              {choices('What is shown', only, Object.entries(ONLY).map(([value, { name }]) => [value, name, paths.run(run.id, 'history', { order: search.get('order') ?? undefined, only: value === 'all' ? undefined : value })]))}
              {choices('Order', order, [
                ['oldest', 'oldest first', paths.run(run.id, 'history', { only: search.get('only') ?? undefined })],
                ['newest', 'newest first', paths.run(run.id, 'history', { order: 'newest', only: search.get('only') ?? undefined })],
              ])}
            </div>
            <Card title="What happened" aside={`${entries.length.toLocaleString()} of ${Math.max(entries.length, run.history_length).toLocaleString()} entries`}>
              {shown.length === 0 ? <p className="none">Nothing broke in what was read.</p> : <Story sentences={order === 'newest' ? shown.toReversed() : shown} />}
              <More has={history.hasNextPage} busy={history.isFetchingNextPage} onMore={history.fetchNextPage} name={order === 'newest' ? 'Show earlier entries' : 'Show later entries'} />
            </Card>
            <details className="card">
              <summary>As it is stored</summary>
              <Json value={entries} label="History" />
              <Download text={() => JSON.stringify(entries, null, 2)} name={`${run.id}-history.json`} />
            </details>
          </>
        )
      }}
    </Answer>
  )
}
