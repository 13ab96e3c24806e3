import { Link } from 'react-router'
import { paths } from '../lib/paths'
import { Page } from '../ui/Page'
import { Empty } from '../ui/States'

export function Nowhere() {
  return (
    <Page title="No such page">
      <Empty title="There is nothing at this address">
        <Link className="button" to={paths.runs()}>Go to the runs</Link>
      </Empty>
    </Page>
  )
}
