import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { workersQuery } from '../../api/queries'
import type { Worker } from '../../api/types'
import { brief } from '../../lib/json'
import { paths } from '../../lib/paths'
import { Badge } from '../../ui/Badge'
import { Page } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { Fact, Facts, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'

export function WorkersPage() {
  const workers = useQuery(workersQuery)
  return (
    <Page title="Workers" lead="Every worker that sent a heartbeat lately, and what it is at.">
      <Answer of={workers} what="workers">
        {({ items }) => {
          if (items.length === 0) return <NoWorkers />
          const order = [...items].sort((a, b) => Number(b.alive) - Number(a.alive) || a.worker.localeCompare(b.worker))
          return <div className="cards">{order.map((worker) => <WorkerCard key={`${worker.worker} ${worker.incarnation}`} worker={worker} />)}</div>
        }}
      </Answer>
    </Page>
  )
}

function NoWorkers() {
  return (
    <Empty title="No worker is connected">
      <p>Tasks wait safely until one is. Make any program a worker:</p>
      <pre className="inline">kintsugi worker exec my-task -- ./my-program</pre>
    </Empty>
  )
}

function state(worker: Worker) {
  if (!worker.alive) return <Badge tone="bad" title="No heartbeat: its tasks were taken over">gone</Badge>
  if (worker.stopping) return <Badge tone="hold" title="It finishes what it holds">stopping</Badge>
  return worker.leases.length > 0 ? <Badge tone="live">working</Badge> : <Badge tone="good">idle</Badge>
}

function WorkerCard({ worker }: { worker: Worker }) {
  return (
    <section className={worker.alive ? 'card' : 'card gone'} aria-label={`Worker ${worker.worker}`}>
      <header>
        <h2 className="mono">{worker.worker}</h2>
        <div className="aside">{state(worker)}</div>
      </header>
      <Facts>
        <Fact name="Last heard of"><Time at={worker.last_seen} relative /></Fact>
        <Fact name="Slots in use">{worker.leases.length} of {worker.concurrency}</Fact>
        <Fact name="Process">{worker.host}, pid {worker.pid}</Fact>
        <Fact name="Up since"><Time at={worker.started_at} /></Fact>
        <Fact name="Version">{worker.version}</Fact>
      </Facts>
      <p className="tags" aria-label="Task types">
        {worker.types.map((one) => <code key={`${one.queue} ${one.type}`} title={`queue ${one.queue}`}>{one.queue === 'default' ? one.type : `${one.queue}/${one.type}`}</code>)}
      </p>
      {worker.leases.length > 0 && <Leases worker={worker} />}
    </section>
  )
}

function Leases({ worker }: { worker: Worker }) {
  return (
    <Table caption={`Leases of ${worker.worker}`} head={['Task', 'Attempt', 'Since', 'Progress']}>
      {worker.leases.map((lease) => {
        const run = lease.task.slice(0, lease.task.lastIndexOf(':'))
        return (
          <tr key={`${lease.task} ${lease.epoch}`}>
            <th scope="row"><Link to={paths.run(run)}><code>{lease.task}</code></Link></th>
            <td>{lease.epoch}</td>
            <td><Time at={lease.since} relative /></td>
            <td>{lease.progress === undefined ? '' : brief(lease.progress, 40)}</td>
          </tr>
        )
      })}
    </Table>
  )
}
