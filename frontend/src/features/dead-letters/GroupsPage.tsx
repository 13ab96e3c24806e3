import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'
import { discard } from '../../api/actions'
import { useLive } from '../../api/live'
import { letterGroupsQuery } from '../../api/queries'
import type { DeadLetterGroup } from '../../api/types'
import { faultText, taskName } from '../../lib/history'
import { paths } from '../../lib/paths'
import { Page } from '../../ui/Page'
import { Answer, Empty, Failure } from '../../ui/States'
import { More, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { Discards } from './Discards'
import { RedriveGroup } from './RedriveGroup'
import { Redrives } from './Redrives'

const KEYS = [['dead-letters']]

/** Open dead letters by what they died of: what a person decides about. */
export function GroupsPage() {
  const groups = useInfiniteQuery(letterGroupsQuery())
  useLive('/v1/events', KEYS)
  return (
    <Page title="Dead letters by cause" lead="Those that died of the same in the same place are one group." above={<Link to={paths.deadLetters()}>← Dead letters</Link>}>
      <Answer of={groups} what="groups of dead letters">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) return <Empty title="No dead letter is open"><p>Nothing waits for a decision.</p></Empty>
          return (
            <>
              <Table caption="Groups of open dead letters, the one that grew last first" head={['Task', 'Died of', 'Open', 'First', 'Last', 'Versions', 'Workers', 'Decide']}>
                {items.map((group) => <Group key={group.fingerprint} group={group} />)}
              </Table>
              <More has={groups.hasNextPage} busy={groups.isFetchingNextPage} onMore={groups.fetchNextPage} />
            </>
          )
        }}
      </Answer>
      <Redrives />
      <Discards />
    </Page>
  )
}

function Group({ group }: { group: DeadLetterGroup }) {
  return (
    <tr>
      <th scope="row">
        <Link to={paths.deadLetters({ fingerprint: group.fingerprint })}>{taskName(group.pointer)}</Link>
        <div className="fine cut" title={group.definition}>{group.definition}</div>
      </th>
      <td className="wide"><Link className="plain" to={paths.deadLetter(group.example)} title="See the newest one">{faultText(group.error)}</Link></td>
      <td className="number">{group.open.toLocaleString()}</td>
      <td><Time at={group.first_at} /></td>
      <td><Time at={group.last_at} /></td>
      <td>{group.versions.join(', ')}</td>
      <td>{group.workers.length > 0 ? <span className="inline-list">{group.workers.map((worker) => <code key={worker} className="cut" title={worker}>{worker}</code>)}</span> : '–'}</td>
      <td><RedriveGroup group={group} /><DiscardGroup group={group} /></td>
    </tr>
  )
}

function DiscardGroup({ group }: { group: DeadLetterGroup }) {
  const queries = useQueryClient()
  const [reason, setReason] = useState('')
  const sent = useMutation({
    mutationFn: () => discard(group.fingerprint, reason.trim()),
    onSettled: () => Promise.all([['dead-letters'], ['dead-letter'], ['discards']].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  })
  return (
    <details>
      <summary>Discard</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          sent.mutate()
        }}
      >
        <label>
          Why <input value={reason} required maxLength={1000} onChange={(event) => { setReason(event.target.value) }} />
        </label>
        {sent.error && <Failure error={sent.error} />}
        <button type="submit" disabled={sent.isPending || reason.trim() === ''}>Discard all {group.open.toLocaleString()}</button>
      </form>
    </details>
  )
}
