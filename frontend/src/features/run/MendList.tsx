import { useQuery } from '@tanstack/react-query'
import { runRecoveriesQuery } from '../../api/queries'
import type { Recovery } from '../../api/types'
import { mends, type Mend, type Task } from '../../lib/seam'
import { duration } from '../../lib/time'
import { Card } from '../../ui/Page'
import { Time } from '../../ui/Time'

/** The seams of the timeline in words: what broke, who mended it, and in which time. */
export function MendList({ run, tasks }: { run: string; tasks: readonly Task[] }) {
  const all = tasks.flatMap(mends)
  const log = useQuery({ ...runRecoveriesQuery(run), enabled: all.length > 0 })
  if (all.length === 0) return null
  const mended = all.filter((mend) => mend.mended).length
  return (
    <Card title="Breaks and mends" aside={`${mended} of ${all.length} mended`}>
      <ol className="mends">
        {all.map((mend) => (
          <li key={`${mend.task}:${mend.broken}`} className={mend.mended ? 'mended' : undefined}>
            <MendText mend={mend} entry={log.data?.items.find((one) => one.task === mend.task && one.epoch === mend.broken && one.kind !== 'result_fenced')} />
          </li>
        ))}
      </ol>
    </Card>
  )
}

function MendText({ mend, entry }: { mend: Mend; entry: Recovery | undefined }) {
  return (
    <>
      <strong>{mend.name}</strong>: attempt {mend.broken} was seen broken at <Time at={mend.brokenAt} exact />: {mend.why}.{' '}
      {mend.mended ? (
        <>
          Attempt {mend.mended.epoch} followed at <Time at={mend.mended.at} exact />
          {mend.mended.worker && <>, by <code>{mend.mended.worker}</code></>}.{' '}
          <b className="gold">Mended in {duration(mend.mended.ms)}.</b>
        </>
      ) : (
        <>No attempt follows yet.</>
      )}
      {entry && (
        <div className="fine">
          Recovery log: seen at <Time at={entry.seen_at} exact />; {entry.by} {entry.decided}: {entry.outcome}
          {entry.duration_ms !== undefined && ` within ${duration(entry.duration_ms)}`}.
        </div>
      )}
    </>
  )
}
