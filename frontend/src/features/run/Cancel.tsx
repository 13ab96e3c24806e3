import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { cancel } from '../../api/actions'
import { Failure } from '../../ui/States'

/** Ends a run, after a second thought. */
export function Cancel({ run }: { run: string }) {
  const queries = useQueryClient()
  const dialog = useRef<HTMLDialogElement>(null)
  const [reason, setReason] = useState('')
  const sent = useMutation({
    mutationFn: () => cancel(run, reason.trim() || 'cancelled in the dashboard'),
    onSuccess: () => {
      dialog.current?.close()
      return queries.invalidateQueries({ queryKey: ['run', run] })
    },
  })
  return (
    <>
      <button type="button" onClick={() => dialog.current?.showModal()}>Cancel the run</button>
      <dialog ref={dialog} aria-labelledby="cancel-title">
        <form
          onSubmit={(event) => {
            event.preventDefault()
            sent.mutate()
          }}
        >
          <h2 id="cancel-title">Cancel this run?</h2>
          <p>Open tasks are no longer wanted; what they did is not undone.</p>
          <div className="field">
            <label htmlFor="reason">Why (it stands in the history)</label>
            <input id="reason" value={reason} maxLength={500} onChange={(event) => { setReason(event.target.value) }} />
          </div>
          {sent.error && <Failure error={sent.error} />}
          <div className="actions">
            <button type="button" onClick={() => dialog.current?.close()}>Let it run</button>
            <button type="submit" className="danger" disabled={sent.isPending}>Cancel the run</button>
          </div>
        </form>
      </dialog>
    </>
  )
}
