import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { healthQuery } from '../api/queries'
import { paths } from '../lib/paths'
import { Badge } from '../ui/Badge'

/** Whether the engine takes work, on every page. */
export function EngineState() {
  const { data, error } = useQuery(healthQuery)
  if (error !== null) return <Badge tone="bad" title="What is shown may be out of date. Runs go on without the dashboard.">no answer</Badge>
  if (!data) return <Badge tone="quiet">…</Badge>
  const missing = data.checks.filter((check) => !check.ok).map((check) => check.name)
  return (
    <Link className="plain state-link" to={paths.system()} title={missing.length > 0 ? `Not ready: ${missing.join(', ')}` : 'It takes work'}>
      <Badge tone={missing.length > 0 ? 'bad' : 'good'}>{missing.length > 0 ? `engine: no ${missing.join(', no ')}` : 'engine ready'}</Badge>
    </Link>
  )
}
