import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { definitionsQuery } from '../../api/queries'
import { definitionPath, paths } from '../../lib/paths'
import { Card, Page } from '../../ui/Page'
import { Answer, Empty } from '../../ui/States'
import { More, Table } from '../../ui/Table'
import { Time } from '../../ui/Time'
import { Register } from './Register'

export function DefinitionsPage() {
  const definitions = useInfiniteQuery(definitionsQuery)
  return (
    <Page title="Definitions" lead="Workflows in the Open Workflow DSL. A version never changes once it is registered.">
      <Answer of={definitions} what="definitions">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) {
            return <Empty title="Nothing is registered yet"><p>Write one below, or <Link to={paths.start()}>start the sample</Link>.</p></Empty>
          }
          return (
            <>
              <Table caption="Definitions" head={['Definition', 'Digest', 'Registered', '']}>
                {items.map((one) => (
                  <tr key={one.definition}>
                    <th scope="row"><Link to={definitionPath(one.definition)}>{one.definition}</Link></th>
                    <td><code title={one.digest}>{one.digest.slice(0, 12)}</code></td>
                    <td><Time at={one.created_at} /></td>
                    <td className="inline-list">
                      <Link to={paths.start(one.definition)}>Start</Link>
                      <Link to={paths.runs({ definition: one.definition })}>Runs</Link>
                    </td>
                  </tr>
                ))}
              </Table>
              <More has={definitions.hasNextPage} busy={definitions.isFetchingNextPage} onMore={definitions.fetchNextPage} />
            </>
          )
        }}
      </Answer>
      <Card title="Register a definition"><Register /></Card>
    </Page>
  )
}
