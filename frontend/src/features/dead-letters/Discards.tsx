import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { undoDiscard } from '../../api/actions'
import { discardsQuery } from '../../api/queries'
import type { Discard } from '../../api/types'
import { toMs } from '../../lib/time'
import { Card } from '../../ui/Page'
import { Failure } from '../../ui/States'
import { Table } from '../../ui/Table'
import { Time, useNow } from '../../ui/Time'

/** What was discarded lately, each with the way back while there is one. */
export function Discards() {
  const discards = useQuery(discardsQuery())
  const now = useNow(1000)
  const items = discards.data?.items ?? []
  if (items.length === 0) return null
  return (
    <Card title="Discarded">
      <Table caption="Discards, newest first" head={['When', 'Letters', 'By', 'Why', 'Taken back']}>
        {items.map((one) => (
          <tr key={one.id}>
            <th scope="row"><Time at={one.at} /></th>
            <td className="number">{one.discarded.toLocaleString()}</td>
            <td>{one.by ?? '–'}</td>
            <td className="wide">{one.reason}</td>
            <td>{one.undone_at ? <Time at={one.undone_at} /> : <Undo of={one} open={now < (toMs(one.undo_until) ?? 0)} />}</td>
          </tr>
        ))}
      </Table>
    </Card>
  )
}

function Undo({ of, open }: { of: Discard; open: boolean }) {
  const queries = useQueryClient()
  const sent = useMutation({
    mutationFn: () => undoDiscard(of.id),
    onSettled: () => Promise.all([['dead-letters'], ['dead-letter'], ['discards']].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  })
  if (!open) return <>no longer possible</>
  return (
    <>
      <button type="button" disabled={sent.isPending} onClick={() => { sent.mutate() }}>Take back</button>
      {sent.error && <Failure error={sent.error} />}
    </>
  )
}
