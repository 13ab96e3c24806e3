import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearchParams } from 'react-router'
import { definitionQuery } from '../../api/queries'
import { paths } from '../../lib/paths'
import { Copy } from '../../ui/Copy'
import { Json, Source } from '../../ui/Json'
import { Page } from '../../ui/Page'
import { Answer } from '../../ui/States'
import { Fact, Facts } from '../../ui/Table'
import { Time } from '../../ui/Time'

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
              <Fact name="Digest"><Copy text={data.digest} what="digest" short={`${data.digest.slice(0, 12)}…`} /></Fact>
            </Facts>
            <Source text={data.source} label="Source" />
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
