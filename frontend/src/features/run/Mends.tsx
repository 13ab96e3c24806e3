import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { runRecoveriesQuery } from '../../api/queries'
import type { Recovery } from '../../api/types'
import { capital } from '../../lib/history'
import { paths } from '../../lib/paths'
import { isMended, mends, type Fate, type Mend, type Task } from '../../lib/seam'
import { duration } from '../../lib/time'
import { Card } from '../../ui/Page'
import { Time, useNow } from '../../ui/Time'

/** More than this is read in the history. */
const SHOWN = 20

/** The seams of the timeline in words: what broke, who saw it, what was decided, and in which time it was mended. */
export function Mends({ run, tasks }: { run: string; tasks: readonly Task[] }) {
  const all = tasks.flatMap((task) => mends(task).map((mend) => ({ mend, task })))
  const log = useQuery({ ...runRecoveriesQuery(run), enabled: all.length > 0 })
  if (all.length === 0) return null
  const mended = all.filter(({ mend }) => isMended(mend)).length
  const newest = all.slice(-SHOWN).reverse()
  return (
    <Card title="Breaks and mends" aside={`${mended} of ${all.length} mended`}>
      <ol className="mends">
        {newest.map(({ mend, task }) => (
          <li key={`${mend.task}:${mend.broken}`} className={isMended(mend) ? 'mended' : undefined}>
            <MendSteps mend={mend} task={task} entry={log.data?.items.find((one) => one.task === mend.task && one.epoch === mend.broken && one.kind !== 'result_fenced')} />
          </li>
        ))}
      </ol>
      {all.length > SHOWN && <p className="fine">The newest {SHOWN} of {all.length}. <Link to={paths.run(run, 'history')}>The history</Link> has them all.</p>}
    </Card>
  )
}

function MendSteps({ mend, task, entry }: { mend: Mend; task: Task; entry: Recovery | undefined }) {
  const { mended } = mend
  return (
    <>
      <p>
        <strong>{mend.name}</strong>: attempt {mend.broken} broke. {capital(mend.why)}.{' '}
        {mended && isMended(mend) && <b className="gold">Mended in {duration(mended.ms)}.</b>}
      </p>
      <ol className="steps" aria-label={`How ${mend.name} was mended`}>
        <Step name="Seen" at={mend.brokenAt} tone="bad">by {mend.seenBy}</Step>
        <Decided mend={mend} task={task} entry={entry} />
        {mended && (
          <Step name="Taken up" at={mended.taken ? mended.at : undefined} since={mended.taken ? mended.at - mended.givenAt : undefined} tone="mend" open={!mended.taken && mended.fate === 'open'}>
            {mended.worker ? <>by <code>{mended.worker}</code></> : mended.fate === 'open' ? 'by the next free worker …' : 'nobody said so'}
          </Step>
        )}
        {mended && (
          <Step name={OUTCOME[mended.fate]} at={mended.endedAt} since={mended.endedAt === undefined ? undefined : mended.endedAt - mended.at} tone={mended.fate === 'completed' ? 'good' : mended.fate === 'open' ? 'live' : 'bad'} open={mended.fate === 'open'}>
            attempt {mended.epoch}
          </Step>
        )}
      </ol>
    </>
  )
}

const OUTCOME: Record<Fate, string> = {
  open: 'At work',
  completed: 'Completed',
  failed: 'Failed again',
  timed_out: 'Timed out',
  lost: 'Lost again',
  cancelled: 'Cancelled',
}

function Decided({ mend, task, entry }: { mend: Mend; task: Task; entry: Recovery | undefined }) {
  const waiting = !mend.mended && mend.dueAt !== undefined
  const now = useNow(waiting ? 100 : undefined)
  if (mend.mended) {
    const pause = mend.dueAt === undefined ? 'at once' : `after a pause of ${duration(Math.max(0, mend.dueAt - mend.brokenAt))}`
    return (
      <Step name="Given out again" at={mend.mended.givenAt} since={mend.mended.givenAt - mend.brokenAt} tone="mend">
        as attempt {mend.mended.epoch}, {pause}{entry && `, by the ${entry.by}`}
      </Step>
    )
  }
  if (mend.dueAt !== undefined) {
    const left = mend.dueAt - now
    return <Step name="Retry scheduled" at={mend.dueAt} tone="hold" open>{left > 0 ? `in ${duration(Math.ceil(left / 100) * 100)}` : 'now'}</Step>
  }
  if (task.status === 'quarantined') return <Step name="Quarantine" tone="bad">kept away from workers</Step>
  if (task.status === 'dead_lettered') return <Step name="Dead letter" tone="bad">no attempt is left</Step>
  return <Step name="Decided" tone="quiet">{entry ? `${entry.decided}: ${entry.outcome}` : 'nothing follows'}</Step>
}

interface StepProps {
  name: string
  at?: number | undefined
  /** Since the step before. */
  since?: number | undefined
  tone: string
  /** It is not over. */
  open?: boolean
  children: ReactNode
}

function Step({ name, at, since, tone, open = false, children }: StepProps) {
  return (
    <li className={`tone-${tone}${open ? ' open' : ''}`}>
      <b><i className="dot" aria-hidden="true" />{name}</b>
      <span>{children}</span>
      {at !== undefined && <span className="fine"><Time at={at} exact />{since !== undefined && since >= 0 && ` (+${duration(since)})`}</span>}
    </li>
  )
}
