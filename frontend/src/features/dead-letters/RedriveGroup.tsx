import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { previewRedrive, redriveGroup, type RedriveWish } from '../../api/actions'
import type { DeadLetterGroup, RedrivePreview } from '../../api/types'
import { check } from '../../lib/json'
import { Json, JsonEditor } from '../../ui/Json'
import { Failure } from '../../ui/States'

/** Redrives a group: first what that would be, then at a rate, a few first. */
export function RedriveGroup({ group }: { group: DeadLetterGroup }) {
  const queries = useQueryClient()
  const [reason, setReason] = useState('')
  const [rate, setRate] = useState(50)
  const [canary, setCanary] = useState(true)
  const [edit, setEdit] = useState(false)
  const [patch, setPatch] = useState('{}')
  const wish: RedriveWish = { fingerprint: group.fingerprint, reason: reason.trim(), rate, canary, patch: edit ? patch : undefined }
  const dry = useMutation({ mutationFn: () => previewRedrive(wish) })
  const sent = useMutation({
    mutationFn: () => redriveGroup(wish),
    onSettled: () => Promise.all([['dead-letters'], ['redrives']].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  })
  // What was shown holds for the patch that it was shown for.
  const forget = () => { dry.reset() }
  if (sent.isSuccess) return <p role="status">It is being redriven: see below.</p>
  return (
    <details>
      <summary>Redrive…</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (dry.data) sent.mutate()
          else dry.mutate()
        }}
      >
        <label>
          Why <input value={reason} required maxLength={1000} onChange={(event) => { setReason(event.target.value) }} />
        </label>
        <label>
          Letters a second <input type="number" min={1} max={1000} required value={rate} onChange={(event) => { setRate(event.target.valueAsNumber || 1) }} />
        </label>
        <label className="check">
          <input type="checkbox" checked={canary} onChange={(event) => { setCanary(event.target.checked) }} />
          One first, then ten, then all
        </label>
        <label className="check">
          <input type="checkbox" checked={edit} onChange={(event) => { setEdit(event.target.checked); forget() }} />
          With edited inputs
        </label>
        {edit && <JsonEditor label="Merge patch of each input" value={patch} onChange={(text) => { setPatch(text); forget() }} />}
        {dry.data && <Preview of={dry.data} />}
        {(dry.error ?? sent.error) && <Failure error={dry.error ?? sent.error} />}
        <button type="submit" className={dry.data ? 'primary' : undefined} disabled={dry.isPending || sent.isPending || reason.trim() === '' || (edit && !check(patch).ok)}>
          {dry.data ? `Redrive ${dry.data.letters.toLocaleString()} letters` : 'See what that does'}
        </button>
      </form>
    </details>
  )
}

function Preview({ of }: { of: RedrivePreview }) {
  const example = of.examples[0]
  return (
    <div role="status">
      <p>{of.letters.toLocaleString()} letters would be redriven:</p>
      <ul>
        {of.kinds.map((kind) => (
          <li key={`${kind.definition} ${kind.fingerprint} ${kind.error}`}>{kind.letters.toLocaleString()} of {kind.definition}, {kind.type}</li>
        ))}
      </ul>
      {example && (
        <>
          <p>The input of the newest one:</p>
          <Json value={example.edited} label="Input after the edit" />
          {example.problem && <p role="alert">That is not what the task type takes: {example.problem}</p>}
        </>
      )}
    </div>
  )
}
