import type { Run } from '../../api/types'
import { Fault } from '../../ui/Fault'
import { Json } from '../../ui/Json'
import { Card } from '../../ui/Page'

/** What the run was given and what came of it. */
export function Data({ run }: { run: Run }) {
  return (
    <div className="columns">
      <Card title="Input"><Json value={run.input} label="Input of the run" name={`${run.id}-input.json`} /></Card>
      {run.error ? (
        <Card title="Error">
          <Fault fault={run.error} />
          <Json value={run.error} label="Error of the run" name={`${run.id}-error.json`} />
        </Card>
      ) : (
        <Card title="Output">
          {run.output === undefined ? <p className="none">None yet: the run is not over.</p> : <Json value={run.output} label="Output of the run" name={`${run.id}-output.json`} />}
        </Card>
      )}
    </div>
  )
}
