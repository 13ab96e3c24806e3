import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { register, start } from '../../api/actions'
import { paths } from '../../lib/paths'
import { Source } from '../../ui/Json'
import { Card } from '../../ui/Page'
import { Failure } from '../../ui/States'
import { MODES, SAMPLE, SAMPLE_SOURCE, type Mode } from './sample'

/** The sample with “Simulate failure”: registers it, starts it, and goes where it can be watched. */
export function SampleCard() {
  const navigate = useNavigate()
  const [mode, setMode] = useState<Mode>('crash')
  const [key, setKey] = useState(() => crypto.randomUUID())
  const choose = (next: Mode) => {
    // Another request, so no repeat of the last one.
    setKey(crypto.randomUUID())
    setMode(next)
  }
  const started = useMutation({
    mutationFn: async () => {
      // Registering what is registered already changes nothing.
      await register(SAMPLE_SOURCE)
      const input = JSON.stringify({ order: `order-${key.slice(0, 8)}`, mode })
      return start(SAMPLE, input, key)
    },
    onSuccess: ({ id }) => {
      setKey(crypto.randomUUID())
      return navigate(paths.run(id))
    },
  })
  return (
    <Card title="The sample: an order">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          started.mutate()
        }}
      >
        <p>Reserve, charge the card, then notify and ship at the same time.</p>
        <fieldset className="choices">
          <legend>Simulate failure while the card is charged</legend>
          {MODES.map((one) => (
            <label key={one.mode} className="choice">
              <input type="radio" name="mode" value={one.mode} checked={mode === one.mode} onChange={() => { choose(one.mode) }} />
              <span>
                <b>{one.name}</b>
                <small>{one.then}</small>
              </span>
            </label>
          ))}
        </fieldset>
        {started.error && <Failure error={started.error} />}
        <button type="submit" className="primary" disabled={started.isPending}>
          {started.isPending ? 'Starting …' : 'Start the sample'}
        </button>
      </form>
      <details>
        <summary>Its definition</summary>
        <Source text={SAMPLE_SOURCE} label={SAMPLE} />
      </details>
    </Card>
  )
}
