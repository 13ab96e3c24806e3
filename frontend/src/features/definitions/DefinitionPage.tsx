import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearchParams } from 'react-router'
import { definitionQuery, definitionsQuery } from '../../api/queries'
import type { Definition } from '../../api/types'
import { definitionPath, paths } from '../../lib/paths'
import { byName } from '../../lib/versions'
import { Copy } from '../../ui/Copy'
import { yaml } from '../../ui/Code'
import { Json, Source } from '../../ui/Json'
import { Page } from '../../ui/Page'
import { Answer } from '../../ui/States'
import { Fact, Facts } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { Drawing } from './Drawing'

/** Every version of the name, the one that is shown marked. */
function Versions({ of }: { of: Definition }) {
  const all = useInfiniteQuery(definitionsQuery(of.namespace)).data?.pages.flatMap((page) => page.items) ?? []
  const own = byName(all).find(([first]) => first.name === of.name) ?? []
  if (own.length === 0) return <>{of.version}</>
  return (
    <span className="inline-list">
      {own.slice(0, 12).map((one) => <Link key={one.version} className="plain" to={definitionPath(one.definition)} aria-current={one.version === of.version ? 'true' : undefined}>{one.version}</Link>)}
      {own.length > 12 && `and ${own.length - 12} more`}
    </span>
  )
}

export function DefinitionPage() {
  const { namespace = '', name = '' } = useParams()
  const [search] = useSearchParams()
  const version = search.get('version') ?? 'latest'
  const definition = useQuery(definitionQuery(namespace, name, version))
  const reference = definition.data?.definition ?? `${namespace}/${name}:${version}`
  return (
    <Page
      title={reference}
      above={<Link to={paths.definitions()}>← Definitions</Link>}
      lead={definition.data?.title}
      actions={
        <>
          <Link className="button" to={paths.runs({ definition: reference })}>Its runs</Link>
          <Link className="button primary" to={paths.start(reference)}>Start it</Link>
        </>
      }
    >
      <Answer of={definition} what="the definition">
        {(data) => (
          <>
            <Facts>
              <Fact name="Registered"><Time at={data.created_at} /></Fact>
              <Fact name="Versions"><Versions of={data} /></Fact>
              <Fact name="Digest"><Copy text={data.digest} what="digest" short={`${data.digest.slice(0, 12)}…`} /></Fact>
            </Facts>
            <Drawing of={data} />
            <Source text={data.source} label="Source" draw={data.format === 'yaml' ? yaml : undefined} />
            <details className="card">
              <summary>As JSON</summary>
              <Json value={data.document} label="Document" />
            </details>
          </>
        )}
      </Answer>
    </Page>
  )
}
