import { useSearchParams } from 'react-router'
import { Card, Page } from '../../ui/Page'
import { SampleCard } from './SampleCard'
import { StartAny } from './StartAny'

export function StartPage() {
  const [search] = useSearchParams()
  const definition = search.get('definition') ?? ''
  const like = search.get('like') ?? ''
  const any = (
    <Card title="Start any definition">
      <StartAny key={definition} definition={definition} like={like} />
    </Card>
  )
  return (
    <Page title="Start a run" lead="Break something on purpose and watch it being mended, or start a workflow of your own.">
      {definition !== '' && any}
      <SampleCard />
      {definition === '' && any}
    </Page>
  )
}
