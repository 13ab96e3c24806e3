import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'
import { definitionsQuery } from '../../api/queries'
import type { DefinitionSummary } from '../../api/types'
import { definitionPath, paths } from '../../lib/paths'
import { byName } from '../../lib/versions'
import { Card, Page } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { More, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { Register } from './Register'

/** Older versions of a definition that are named in its row. */
const OLDER = 6

export function DefinitionsPage() {
  const [search] = useSearchParams()
  const namespace = search.get('namespace') ?? undefined
  const definitions = useInfiniteQuery(definitionsQuery(namespace))
  return (
    <Page title="Definitions" lead="Workflows in the Open Workflow DSL. A version never changes once it is registered." actions={<a className="button" href="#register">Register one</a>}>
      {namespace && <p className="chips" aria-label="Narrowed to"><Link to={paths.definitions()} title="Show all again">namespace: {namespace} ✕</Link></p>}
      <Answer of={definitions} what="definitions">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) {
            return <Empty title="Nothing is registered yet"><p>Write one below, or <Link to={paths.start()}>start the sample</Link>.</p></Empty>
          }
          return (
            <>
              <Table caption="Definitions" head={['Name', 'Namespace', 'Version', 'Older versions', 'Registered', 'Digest', '']}>
                {byName(items).map((versions) => <Row key={versions[0].definition} versions={versions} />)}
              </Table>
              <More has={definitions.hasNextPage} busy={definitions.isFetchingNextPage} onMore={definitions.fetchNextPage} />
            </>
          )
        }}
      </Answer>
      <div id="register"><Card title="Register a definition"><Register /></Card></div>
    </Page>
  )
}

function Row({ versions }: { versions: readonly [DefinitionSummary, ...DefinitionSummary[]] }) {
  const [one, ...older] = versions
  return (
    <tr>
      <th scope="row"><Link className="cut" to={definitionPath(one.definition)} title={one.definition}>{one.name}</Link></th>
      <td><Link className="plain cut" to={paths.definitions(one.namespace)} title={`Only ${one.namespace}`}>{one.namespace}</Link></td>
      <td>{one.version}</td>
      <td className="wide">
        <span className="inline-list">{older.slice(0, OLDER).map((old) => <Link key={old.version} className="plain" to={definitionPath(old.definition)}>{old.version}</Link>)}{older.length > OLDER && ` and ${older.length - OLDER} more`}</span>
      </td>
      <td><Time at={one.created_at} /></td>
      <td><code title={one.digest}>{one.digest.slice(0, 8)}</code></td>
      <td>
        <span className="inline-list">
          <Link to={paths.start(one.definition)}>Start</Link>
          <Link to={paths.runs({ definition: `${one.namespace}/${one.name}` })}>Runs</Link>
        </span>
      </td>
    </tr>
  )
}
