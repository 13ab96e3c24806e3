import { useMutation, useQueryClient } from '@tanstack/react-query'
import { retryNow, steer } from '../../api/actions'
import type { Task } from '../../api/types'
import { Failure } from '../../ui/States'

const REASON = 'asked for in the dashboard'

/** Holds a run, or lets it go on. */
export function Suspend({ run, suspended }: { run: string; suspended: boolean }) {
  const queries = useQueryClient()
  const sent = useMutation({
    mutationFn: () => steer(run, suspended ? 'resume' : 'suspend', REASON),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['run', run] }),
  })
  return (
    <>
      <button type="button" disabled={sent.isPending} onClick={() => { sent.mutate() }}>{suspended ? 'Resume the run' : 'Suspend the run'}</button>
      {sent.error && <Failure error={sent.error} />}
    </>
  )
}

/** Gives a task out now that would wait for its next attempt. */
export function RetryNow({ task }: { task: Task }) {
  const queries = useQueryClient()
  const sent = useMutation({
    mutationFn: () => retryNow(task.run, task.number, REASON),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['run', task.run] }),
  })
  return (
    <>
      <button type="button" disabled={sent.isPending} onClick={() => { sent.mutate() }}>Retry now</button>
      {sent.error && <Failure error={sent.error} />}
    </>
  )
}
