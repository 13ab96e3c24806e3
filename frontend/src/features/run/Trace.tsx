import { useQuery } from '@tanstack/react-query'
import { linksQuery } from '../../api/queries'
import { jaegerUrl } from '../../lib/system'
import { Copy } from '../../ui/Copy'

/** The way to the trace: a link where the engine knows a Jaeger, else the id to copy. */
export function Trace({ id }: { id: string }) {
  const jaeger = jaegerUrl(useQuery(linksQuery).data)
  return (
    <>
      {jaeger && <a href={`${jaeger}/trace/${id}`} rel="noreferrer" target="_blank">Open in Jaeger</a>}{' '}
      <Copy text={id} what="trace id" short={`${id.slice(0, 8)}…`} />
    </>
  )
}
