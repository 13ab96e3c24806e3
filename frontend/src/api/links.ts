/** Where other tools are, as the engine says. */

import { useQuery } from '@tanstack/react-query'
import { jaegerUrl } from '../lib/system'
import { linksQuery } from './queries'

/** Where Jaeger is; none: the engine knows of none. */
export function useJaeger(): string | undefined {
  return jaegerUrl(useQuery(linksQuery).data)
}
