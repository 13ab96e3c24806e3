import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'
import { workersQuery } from '../../api/queries'
import type { Worker } from '../../api/types'
import { brief } from '../../lib/json'
import { paths } from '../../lib/paths'
import { toMs } from '../../lib/time'
import { Badge } from '../../ui/Badge'
import { Page } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { Fact, Facts, Table } from '../../ui/Table'
import { Time, useNow } from '../../ui/Time'

/** More cards than this are shown on demand. */
const SHOWN = 60

export function WorkersPage() {
  const workers = useQuery(workersQuery)
  const [all, setAll] = useState(false)
  return (
    <Page title="Workers" lead="Every worker that sent a heartbeat lately, and what it is at.">
      <Answer of={workers} what="workers">
        {({ items }) => {
          if (items.length === 0) return <NoWorkers />
          const order = [...items].sort((a, b) => Number(b.alive) - Number(a.alive) || a.worker.localeCompare(b.worker))
          return (
            <>
              <Together workers={items} />
              <div className="cards">{order.slice(0, all ? undefined : SHOWN).map((worker) => <WorkerCard key={`${worker.worker} ${worker.incarnation}`} worker={worker} />)}</div>
              {!all && order.length > SHOWN && <p className="more"><button type="button" onClick={() => { setAll(true) }}>Show all {order.length} workers</button></p>}
            </>
          )
        }}
      </Answer>
    </Page>
  )
}

function Together({ workers }: { workers: readonly Worker[] }) {
  const alive = workers.filter((worker) => worker.alive)
  const sum = (count: (worker: Worker) => number) => alive.reduce((total, worker) => total + count(worker), 0)
  return (
    <Facts>
      <Fact name="Alive">{alive.length}</Fact>
      <Fact name="Gone">{workers.length - alive.length}</Fact>
      <Fact name="Slots in use">{sum((worker) => worker.leases.length)} of {sum((worker) => worker.concurrency)}</Fact>
    </Facts>
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
  const short = worker.types.find((one) => one.limit !== undefined)
  if (short) return <Badge tone="hold" title={short.limit_reason ?? ''}>{short.limit === 0 ? 'held back' : 'kept short'}</Badge>
  if (worker.stopping) return <Badge tone="hold" title="It finishes what it holds">stopping</Badge>
  return worker.leases.length > 0 ? <Badge tone="live">working</Badge> : <Badge tone="good">idle</Badge>
}

function WorkerCard({ worker }: { worker: Worker }) {
  return (
    <section className={worker.alive ? 'card' : 'card gone'} aria-label={`Worker ${worker.worker}`}>
      <header>
        <h2 className="mono cut" title={worker.worker}>{worker.worker}</h2>
        <div className="aside">{state(worker)}</div>
      </header>
      <Facts>
        <Fact name="Last heard of"><Heard at={worker.last_seen} /></Fact>
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

/** How long nothing was heard, to the tenth: a heartbeat comes every 300 ms. */
function Heard({ at }: { at: string }) {
  const now = useNow(200)
  const ms = now - (toMs(at) ?? now)
  if (ms > 9_000) return <Time at={at} relative />
  return <time dateTime={at} title={at}>{(Math.max(0, ms) / 1000).toFixed(1)} s ago</time>
}

function Leases({ worker }: { worker: Worker }) {
  return (
    <Table caption={`Leases of ${worker.worker}`} head={['Task', 'Attempt', 'Since', 'Progress']}>
      {worker.leases.map((lease) => {
        const run = lease.task.slice(0, lease.task.lastIndexOf(':'))
        return (
          <tr key={`${lease.task} ${lease.epoch}`}>
            <th scope="row"><Link to={paths.run(run, undefined, { task: lease.task })}><code className="cut" title={lease.task}>{lease.task}</code></Link></th>
            <td>{lease.epoch}</td>
            <td><Time at={lease.since} relative /></td>
            <td>{lease.progress === undefined ? '' : brief(lease.progress, 40)}</td>
          </tr>
        )
      })}
    </Table>
  )
}
