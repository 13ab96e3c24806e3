import { bytes, type Cell, type Sheet } from '../../lib/system'
import { duration } from '../../lib/time'
import { Badge } from '../../ui/Badge'
import { Card } from '../../ui/Page'
import { Table } from '../../ui/Table'
import { Time } from '../../ui/Time'

/** Names that say more than their own words. */
const NAMES: Readonly<Record<string, string>> = {
  pending: 'wait for a worker',
  ack_pending: 'at work',
  oldest_age_ms: 'the oldest waits for',
  redelivered: 'delivered again',
  waiting: 'free worker requests',
  last_seen: 'last heard of',
  first_seq: 'first kept',
  last_seq: 'last given out',
  dead_letters_open: 'open dead letters',
  dead_letters_unpublished: 'dead letters not in the stream yet',
  notifications_pending: 'notifications to deliver',
  notifications_dead: 'notifications given up',
}

/** `first_seen` reads `first seen`. */
export function words(name: string): string {
  return NAMES[name] ?? name.replace(/_(ms|bytes)$/, '').replaceAll('_', ' ')
}

const INSTANT = /(_at|_seen|^time|^since|^at)$/

/** A value, by what its column's name says that it is. */
export function Value({ column, value }: { column: string; value: Cell }) {
  if (value === null || value === undefined || value === '') return <span className="none">–</span>
  if (typeof value === 'boolean') return <Badge tone={value ? 'good' : 'bad'}>{value ? 'yes' : 'no'}</Badge>
  if (INSTANT.test(column) && (typeof value === 'string' || value > 1e12)) return <Time at={value} relative />
  if (typeof value === 'string') return <>{value}</>
  if (/bytes/.test(column)) return <>{bytes(value)}</>
  if (/_ms$/.test(column)) return <>{duration(value)}</>
  return <>{/pid|partition|port|seq/.test(column) ? String(value) : value.toLocaleString()}</>
}

export function SheetTable({ sheet }: { sheet: Sheet }) {
  const title = words(sheet.name).replace(/^./, (first) => first.toUpperCase())
  return <Card title={title}>{sheet.rows.length === 0 ? <p className="none">None.</p> : <SheetBody sheet={sheet} title={title} />}</Card>
}

export function SheetBody({ sheet, title }: { sheet: Sheet; title: string }) {
  return (
    <Table caption={title} head={sheet.columns.map(words)}>
      {sheet.rows.map((row, index) => (
        <tr key={index}>
          {sheet.columns.map((column, at) =>
            at === 0 ? (
              <th key={column} scope="row"><Value column={column} value={row[column]} /></th>
            ) : (
              <td key={column} className={typeof row[column] === 'number' ? 'number' : undefined}><Value column={column} value={row[column]} /></td>
            ),
          )}
        </tr>
      ))}
    </Table>
  )
}
