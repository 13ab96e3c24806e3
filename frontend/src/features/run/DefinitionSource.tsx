import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { definitionQuery } from '../../api/queries'
import { definitionPath, splitReference } from '../../lib/paths'
import { yaml } from '../../ui/Code'
import { Source } from '../../ui/Json'
import { Card } from '../../ui/Page'
import { Answer } from '../../ui/States'

export function DefinitionSource({ reference }: { reference: string }) {
  const { namespace, name, version } = splitReference(reference) ?? { namespace: '-', name: '-', version: '-' }
  const definition = useQuery(definitionQuery(namespace, name, version))
  return (
    <Card title="Definition" aside={<Link to={definitionPath(reference)}>{reference}</Link>}>
      <Answer of={definition} what="the definition">{(data) => <Source text={data.source} label={reference} draw={data.format === 'yaml' ? yaml : undefined} />}</Answer>
    </Card>
  )
}
