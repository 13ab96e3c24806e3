import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { orderRedrive, type RedriveOrder } from '../../api/actions'
import { redrivesQuery } from '../../api/queries'
import type { RedriveJob } from '../../api/types'
import { Badge } from '../../ui/Badge'
import { Card } from '../../ui/Page'
import { Failure } from '../../ui/States'
import { Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { redriveTone } from './tone'

/** What is being redriven, and was lately: how far it is, and what can be done about it. */
export function Redrives() {
  const redrives = useQuery(redrivesQuery())
  const items = redrives.data?.items ?? []
  if (items.length === 0) return null
  return (
    <Card title="Redriven">
      <Table caption="Redrives of many letters, newest first" head={['When', 'State', 'Letters', 'Asked', 'Succeeded', 'Died again', 'Undecided', 'Skipped', 'By', 'Why', 'Do']}>
        {items.map((one) => (
          <tr key={one.id}>
            <th scope="row"><Time at={one.at} /></th>
            <td>
              <Badge tone={redriveTone(one.status)}>{one.status}</Badge>
              {one.status === 'running' && one.stage !== 'all' && <div className="fine">trying {one.stage}</div>}
              {one.why && one.status !== 'running' && <div className="fine">{one.why}</div>}
            </td>
            {[one.total, one.asked, one.succeeded, one.failed, one.undecided, one.skipped].map((count, at) => (
              <td key={at} className="number">{count.toLocaleString()}</td>
            ))}
            <td>{one.by ?? '–'}</td>
            <td className="wide">{one.reason}</td>
            <td><Orders of={one} /></td>
          </tr>
        ))}
      </Table>
    </Card>
  )
}

function Orders({ of }: { of: RedriveJob }) {
  const queries = useQueryClient()
  const sent = useMutation({
    mutationFn: (order: RedriveOrder) => orderRedrive(of.id, order),
    onSettled: () => queries.invalidateQueries({ queryKey: ['redrives'] }),
  })
  if (of.status !== 'running' && of.status !== 'paused') return <>–</>
  const other = of.status === 'running' ? 'pause' : 'resume'
  return (
    <>
      <button type="button" disabled={sent.isPending} onClick={() => { sent.mutate(other) }}>{other === 'pause' ? 'Pause' : 'Resume'}</button>{' '}
      <button type="button" disabled={sent.isPending} onClick={() => { sent.mutate('cancel') }}>Cancel</button>
      {sent.error && <Failure error={sent.error} />}
    </>
  )
}
