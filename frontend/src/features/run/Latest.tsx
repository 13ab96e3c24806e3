import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { historyQuery } from '../../api/queries'
import type { Run } from '../../api/types'
import { stepsOf, tell } from '../../lib/history'
import { paths } from '../../lib/paths'
import { isOver } from '../../lib/status'
import { Card } from '../../ui/Page'
import { Story } from './Story'

const SHOWN = 8

/** What happened last, as it happens. */
export function Latest({ run }: { run: Run }) {
  const history = useInfiniteQuery(historyQuery(run.id, 'newest'))
  const entries = history.data?.pages[0]?.items.slice(0, 40).reverse() ?? []
  if (entries.length === 0) return null
  const names = new Map(run.tasks.map((task) => [task.number, task.name]))
  const sentences = tell(stepsOf(entries), names)
  return (
    <Card title={isOver(run.status) ? 'How it ended' : 'What happens now'} aside={<Link to={paths.run(run.id, 'history')}>The whole history</Link>}>
      <Story sentences={sentences.slice(-SHOWN).reverse()} live={!isOver(run.status)} />
    </Card>
  )
}
