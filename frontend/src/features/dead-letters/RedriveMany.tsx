import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { redrive } from '../../api/actions'
import type { DeadLetter } from '../../api/types'
import { asProblem } from '../../lib/problem'

/** How many are asked for at a time. */
const AT_ONCE = 8

interface Outcome {
  done: number
  failed: { id: string; why: string }[]
}

/** Redrives every one, and says which could not be: one that fails stops no other. */
async function redriveAll(letters: readonly DeadLetter[], onStep: (outcome: Outcome) => void): Promise<Outcome> {
  const rest = [...letters]
  let outcome: Outcome = { done: 0, failed: [] }
  const work = async () => {
    for (let letter = rest.shift(); letter; letter = rest.shift()) {
      const { id } = letter
      const why = await redrive(id).then(() => undefined, (error: unknown) => asProblem(error).title)
      outcome = why === undefined ? { ...outcome, done: outcome.done + 1 } : { ...outcome, failed: [...outcome.failed, { id, why }] }
      onStep(outcome)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return outcome
}

/** What is done with those that were chosen. */
export function RedriveMany({ letters, onDone }: { letters: readonly DeadLetter[]; onDone: () => void }) {
  const queries = useQueryClient()
  const [step, setStep] = useState<Outcome>()
  const sent = useMutation({
    mutationFn: () => redriveAll(letters, setStep),
    onSettled: () => {
      onDone()
      return Promise.all([['dead-letters'], ['runs']].map((queryKey) => queries.invalidateQueries({ queryKey })))
    },
  })
  const outcome = sent.data ?? step
  if (letters.length === 0 && !outcome) return null
  return (
    <div className="bar-actions">
      {letters.length > 0 && (
        <button type="button" className="primary" disabled={sent.isPending} onClick={() => { sent.mutate() }}>
          {sent.isPending ? `Redriving … ${(step?.done ?? 0) + (step?.failed.length ?? 0)} of ${letters.length}` : `Redrive ${letters.length} with their own input`}
        </button>
      )}
      <span role="status">
        {sent.data && `${sent.data.done} redriven${sent.data.failed.length > 0 ? `, ${sent.data.failed.length} not:` : '.'}`}
      </span>
      {sent.data?.failed.map(({ id, why }) => <p key={id} className="note bad"><code>{id}</code> {why}</p>)}
    </div>
  )
}
