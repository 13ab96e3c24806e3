import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { register, start } from '../../api/actions'
import { workersQuery } from '../../api/queries'
import { paths } from '../../lib/paths'
import { yaml } from '../../ui/Code'
import { Source } from '../../ui/Json'
import { Card } from '../../ui/Page'
import { Failure } from '../../ui/States'
import { COUNTED, MODES, SAMPLE, SAMPLE_SOURCE, type Mode } from './sample'

/** Registers the sample, starts it, and goes where it can be watched. */
function useSample(mode: Mode, times: number) {
  const navigate = useNavigate()
  // Another wish is another request, so no repeat of the last one.
  const [keys, setKeys] = useState<Record<string, string>>({})
  const wish = `${mode} ${times}`
  return useMutation({
    mutationFn: async () => {
      const key = keys[wish] ?? crypto.randomUUID()
      setKeys({ [wish]: key })
      // Registering what is registered already changes nothing.
      await register(SAMPLE_SOURCE)
      return start(SAMPLE, JSON.stringify({ order: `order-${key.slice(0, 8)}`, mode, times }), key)
    },
    onSuccess: ({ id }) => {
      setKeys({})
      return navigate(paths.run(id))
    },
  })
}

/** The sample with “Simulate failure”. */
export function SampleCard() {
  const [mode, setMode] = useState<Mode>('crash')
  const [times, setTimes] = useState(1)
  const started = useSample(mode, times)
  const chosen = MODES.find((one) => one.mode === mode) ?? MODES[0]
  return (
    <Card title="The sample: an order" aside="reserve → charge → notify and ship">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          started.mutate()
        }}
      >
        <div className="sample">
          <fieldset className="choices">
            <legend>Simulate failure while the card is charged</legend>
            {MODES.map((one) => (
              <label key={one.mode} className="choice">
                <input type="radio" name="mode" value={one.mode} checked={mode === one.mode} onChange={() => { setMode(one.mode) }} />
                <span>
                  <b>{one.name}</b>
                  <small>{one.then}</small>
                </span>
              </label>
            ))}
          </fieldset>
          <div className="see">
            <h3>What you will see</h3>
            <ol>{chosen.see.map((step) => <li key={step}>{step}</li>)}</ol>
            {COUNTED.has(mode) && (
              <label className="inline-label">
                Attempts that break
                <select value={times} onChange={(event) => { setTimes(Number(event.target.value)) }}>
                  {[1, 2, 3].map((count) => <option key={count} value={count}>{count === 3 ? '3: the last one too' : count}</option>)}
                </select>
              </label>
            )}
            <NoWorker />
            {started.error && <Failure error={started.error} />}
            <button type="submit" className="primary" disabled={started.isPending}>
              {started.isPending ? 'Starting …' : 'Start the sample'}
            </button>
          </div>
        </div>
      </form>
      <details>
        <summary>Its definition</summary>
        <Source text={SAMPLE_SOURCE} label={SAMPLE} draw={yaml} />
      </details>
    </Card>
  )
}

/** Without a worker the sample would wait, and nobody would see why. */
function NoWorker() {
  const workers = useQuery(workersQuery).data?.items
  if (!workers || workers.some((worker) => worker.alive && worker.types.some((one) => one.type === 'simulate'))) return null
  return <p className="note bad" role="status">No worker serves “simulate” at the moment: the run will wait until one does, for example <code>kintsugi task-worker</code>.</p>
}
