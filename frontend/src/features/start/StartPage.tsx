import { useSearchParams } from 'react-router'
import { Card, Page } from '../../ui/Page'
import { SampleCard } from './SampleCard'
import { StartAny } from './StartAny'

export function StartPage() {
  const [search] = useSearchParams()
  const definition = search.get('definition') ?? ''
  const any = (
    <Card title="Start any definition">
      <StartAny key={definition} definition={definition} />
    </Card>
  )
  return (
    <Page title="Start a run" lead="Break something on purpose and watch it being mended, or start a workflow of your own.">
      <div className="columns">
        {definition !== '' && any}
        <SampleCard />
        {definition === '' && any}
      </div>
    </Page>
  )
}
