import { useInfiniteQuery } from '@tanstack/react-query'
import { tell } from '../../lib/history'
import { Json } from '../../ui/Json'
import { Card } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { More } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { historyQuery } from '../../api/queries'

/** The history in sentences, and as it is stored for those who want to look under them. */
export function History({ run }: { run: string }) {
  const history = useInfiniteQuery(historyQuery(run))
  return (
    <Answer of={history} what="the history">
      {({ pages }) => {
        const entries = pages.flatMap((page) => page.items)
        if (entries.length === 0) return <Empty title="No history yet"><p>The run was accepted and begins in a moment.</p></Empty>
        const sentences = tell(entries.flatMap((entry) => entry.steps))
        return (
          <>
            <Card title="What happened">
              <ol className="story">
                {sentences.map((sentence, index) => (
                  <li key={index} className={`tone-${sentence.tone}`}>
                    <Time at={sentence.at} exact />
                    <i className="dot" aria-hidden="true" />
                    <span>{sentence.text}</span>
                  </li>
                ))}
              </ol>
              <More has={history.hasNextPage} busy={history.isFetchingNextPage} onMore={history.fetchNextPage} />
            </Card>
            <details className="card">
              <summary>As it is stored ({entries.length} entries)</summary>
              <Json value={entries} label="History" />
            </details>
          </>
        )
      }}
    </Answer>
  )
}
