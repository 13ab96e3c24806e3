/** What the dashboard reads. The server holds the data; these hold the copy's name and its age. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import type { Step } from '../lib/history'
import { isOver, type RunStatus } from '../lib/status'
import { client, EXACT, read } from './client'

/** Rows in a page of a list. */
const LIMIT = 50
/** Pushes come at once; this is for the one that got lost. */
const SAFETY_MS = 15_000

const cursor = (page: { next?: string | undefined }) => page.next

export const runsQuery = (filter: { status?: RunStatus | undefined; definition?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['runs', filter],
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: LIMIT,
        ...(filter.status && { status: filter.status }),
        ...(filter.definition && { definition: filter.definition }),
        ...(pageParam && { cursor: pageParam }),
      }
      return read(client.GET('/v1/runs', { params: { query }, signal, ...EXACT }))
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: cursor,
    refetchInterval: SAFETY_MS,
  })

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['run', id],
    queryFn: ({ signal }) => read(client.GET('/v1/runs/{id}', { params: { path: { id } }, signal, ...EXACT })),
    refetchInterval: ({ state }) => (state.data && isOver(state.data.status) ? false : 5_000),
  })

export const historyQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['run', id, 'history'],
    queryFn: async ({ pageParam, signal }) => {
      const params = { path: { id }, query: { limit: 200, ...(pageParam && { after: pageParam }) } }
      const page = await read(client.GET('/v1/runs/{id}/history', { params, signal, ...EXACT }))
      // A step is core::Step, which the OpenAPI document leaves open.
      return { next: page.next, items: page.items.map((entry) => ({ ...entry, steps: entry.steps as Step[] })) }
    },
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => page.next,
  })

/** The tasks that do not fit into the run's own answer. */
export const tasksQuery = (id: string, wanted: boolean) =>
  infiniteQueryOptions({
    queryKey: ['run', id, 'tasks'],
    queryFn: ({ pageParam, signal }) => {
      const params = { path: { id }, query: { limit: 500, ...(pageParam !== undefined && { after: pageParam }) } }
      return read(client.GET('/v1/runs/{id}/tasks', { params, signal, ...EXACT }))
    },
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => page.next,
    enabled: wanted,
  })

/** The recovery log of one run. */
export const runRecoveriesQuery = (run: string) =>
  queryOptions({
    queryKey: ['run', run, 'recoveries'],
    queryFn: ({ signal }) => read(client.GET('/v1/recoveries', { params: { query: { run, limit: 200 } }, signal, ...EXACT })),
  })

export const deadLettersQuery = (status: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['dead-letters', status],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: LIMIT, ...(status && { status }), ...(pageParam && { cursor: pageParam }) }
      return read(client.GET('/v1/dead-letters', { params: { query }, signal, ...EXACT }))
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: cursor,
    refetchInterval: SAFETY_MS,
  })

export const deadLetterQuery = (id: string) =>
  queryOptions({
    queryKey: ['dead-letter', id],
    queryFn: ({ signal }) => read(client.GET('/v1/dead-letters/{id}', { params: { path: { id } }, signal, ...EXACT })),
    refetchInterval: SAFETY_MS,
  })

export const workersQuery = queryOptions({
  queryKey: ['workers'],
  queryFn: ({ signal }) => read(client.GET('/v1/workers', { signal, ...EXACT })),
  refetchInterval: 2_000,
})

export const systemQuery = queryOptions({
  queryKey: ['system'],
  queryFn: async ({ signal }): Promise<unknown> => read(client.GET('/v1/system', { signal, ...EXACT })),
  refetchInterval: 3_000,
})

/** Whether the engine takes work. A refusal (503) is an answer, too: it says what is missing. */
export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: async ({ signal }) => {
    const { data, error, response } = await client.GET('/health/ready', { signal, ...EXACT })
    if (error && 'checks' in error) return error
    return read(Promise.resolve({ ...(data && { data }), error, response }))
  },
  refetchInterval: 5_000,
})

/** The links to other tools change with a restart only. */
export const linksQuery = queryOptions({ ...systemQuery, queryKey: ['system', 'links'], refetchInterval: false as const, staleTime: 300_000, retry: false })

export const recoveriesQuery = infiniteQueryOptions({
  queryKey: ['recoveries'],
  queryFn: ({ pageParam, signal }) =>
    read(client.GET('/v1/recoveries', { params: { query: { limit: LIMIT, ...(pageParam && { cursor: pageParam }) } }, signal, ...EXACT })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: cursor,
  refetchInterval: 5_000,
})

export const definitionsQuery = infiniteQueryOptions({
  queryKey: ['definitions'],
  queryFn: ({ pageParam, signal }) =>
    read(client.GET('/v1/definitions', { params: { query: { limit: LIMIT, ...(pageParam && { cursor: pageParam }) } }, signal, ...EXACT })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: cursor,
})

export const definitionQuery = (namespace: string, name: string, version: string) =>
  queryOptions({
    queryKey: ['definition', namespace, name, version],
    queryFn: ({ signal }) =>
      read(client.GET('/v1/definitions/{namespace}/{name}/{version}', { params: { path: { namespace, name, version } }, signal, ...EXACT })),
    // Immutable, once registered.
    staleTime: version === 'latest' ? 0 : Number.POSITIVE_INFINITY,
  })
