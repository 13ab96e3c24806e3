import { useQuery } from '@tanstack/react-query'
import { healthQuery } from '../../api/queries'
import { Badge } from '../../ui/Badge'
import { Answer } from '../../ui/States'

/** Whether the engine takes work, and if not, why. */
export function Health() {
  const health = useQuery(healthQuery)
  return (
    <Answer of={health} what="the health">
      {({ status, checks }) => (
        <p className="inline-list" role="status">
          <Badge tone={status === 'ready' ? 'good' : 'bad'}>{status}</Badge>
          {checks.map((check) => (
            <Badge key={check.name} tone={check.ok ? 'good' : 'bad'} title={`took ${check.took_ms} ms`}>
              {check.name}{check.detail && `: ${check.detail}`}
            </Badge>
          ))}
        </p>
      )}
    </Answer>
  )
}
