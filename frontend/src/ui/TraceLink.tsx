import { Copy } from './Copy'

/** The way to the trace: a link where the engine knows a Jaeger, else the id to copy. */
export function TraceLink({ id, jaeger }: { id: string; jaeger: string | undefined }) {
  return (
    <>
      {jaeger && <a href={`${jaeger}/trace/${id}`} rel="noreferrer" target="_blank">Open in Jaeger</a>}{' '}
      <Copy text={id} what="trace id" short={`${id.slice(0, 8)}…`} />
    </>
  )
}
