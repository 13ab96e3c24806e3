import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'
import { redrive } from '../../api/actions'
import type { DeadLetter } from '../../api/types'
import { check, pretty } from '../../lib/json'
import { paths } from '../../lib/paths'
import { JsonEditor } from '../../ui/Json'
import { Failure } from '../../ui/States'

/** Gives the task new attempts, with the input that it had or with another. */
export function Redrive({ letter }: { letter: DeadLetter }) {
  const queries = useQueryClient()
  const [edit, setEdit] = useState(false)
  const [text, setText] = useState(() => pretty(letter.input))
  const sent = useMutation({
    mutationFn: () => redrive(letter.id, edit ? text : undefined),
    onSettled: () =>
      Promise.all([['dead-letters'], ['dead-letter'], ['run', letter.run], ['runs']].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  })
  if (letter.status === 'discarded') {
    return <p role="status">It was discarded. <Link to={paths.letterGroups()}>Take that back</Link> first, while there is time.</p>
  }
  if (letter.status !== 'open' || sent.isSuccess) {
    return (
      <p role="status">
        It was redriven and has new attempts. <Link to={paths.run(letter.run)}>See the run go on.</Link>
      </p>
    )
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        sent.mutate()
      }}
    >
      <p>The task gets new attempts under the same idempotency key. What it did before is not undone.</p>
      <label className="check">
        <input type="checkbox" checked={edit} onChange={(event) => { setEdit(event.target.checked) }} />
        With an edited input
      </label>
      {edit && <JsonEditor label="Input" value={text} onChange={setText} />}
      {sent.error && <Failure error={sent.error} />}
      <button type="submit" className="primary" disabled={sent.isPending || (edit && !check(text).ok)}>
        {sent.isPending ? 'Redriving …' : edit ? 'Redrive with this input' : 'Redrive'}
      </button>
    </form>
  )
}
