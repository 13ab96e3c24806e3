import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { promisesQuery } from '../../api/queries'
import type { Promise as Kept } from '../../api/types'
import { paths } from '../../lib/paths'
import { duration } from '../../lib/time'
import { Table } from '../../ui/Table'
import { Time } from '../../ui/Time'

/** P1 to P9, as the ledger has them: what must never be, and whether it was. */
export function Promises() {
  const { data } = useQuery(promisesQuery)
  // A ledger that is away is told of on the system's page; the recovery log goes on without it.
  if (!data?.keeps) return null
  const broken = data.items.filter((one) => one.breaches > 0)
  const standing = data.items.reduce((sum, one) => sum + one.standing, 0)
  return (
    <details open={standing > 0}>
      <summary>
        <b>Promises P1 to P9:</b> {summary(data.items.length, broken.length, standing)}
      </summary>
      <Table caption="The promises" head={['Promise', 'Compared', 'Broken', 'Mended', 'Stands', 'Slowest mend', 'Broken last']}>
        {data.items.map((one) => <Row key={one.promise} one={one} />)}
      </Table>
    </details>
  )
}

function summary(all: number, broken: number, standing: number) {
  if (standing > 0) return `${standing.toLocaleString()} breaches stand`
  if (broken > 0) return `${broken} of ${all} were broken, and are kept again`
  return `all ${all} are kept`
}

function Row({ one }: { one: Kept }) {
  return (
    <tr>
      <td><b>{one.promise}</b> {one.says}{one.what.map((what) => <div key={what} className="fine">{what}</div>)}</td>
      <td className="number">{one.checked.toLocaleString()}</td>
      <td className="number">{one.breaches > 0 ? <Link to={paths.recoveries({ kind: 'promise_breached' })}>{one.breaches.toLocaleString()}</Link> : 0}</td>
      <td className="number">{one.mended.toLocaleString()}</td>
      <td className="number">{one.standing.toLocaleString()}</td>
      <td className="number">{one.mended > 0 ? duration(one.slowest_mend_ms) : '–'}</td>
      <td>{one.breached_at ? <Time at={one.breached_at} /> : '–'}</td>
    </tr>
  )
}
