/** What the dashboard reads. The server holds the data; these hold the copy's name and its age. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import type { Step } from '../lib/history'
import type { HistoryOrder } from '../lib/pages'
import { SINCE, type Since } from '../lib/paths'
import { isOver, type RunStatus } from '../lib/status'
import { check } from './actions'
import { client, EXACT, read, readText } from './client'
import type { HistoryEntry } from './types'

/** Rows in a page of a list. */
const LIMIT = 50
/** Entries in a page of a history. */
const ENTRIES = 200
/** Pushes come at once; this is for the one that got lost. */
const SAFETY_MS = 15_000

const cursor = (page: { next?: string | undefined }) => page.next

export interface RunsFilter {
  status?: RunStatus | undefined
  definition?: string | undefined
  since?: Since | undefined
}

export const runsQuery = ({ status, definition, since }: RunsFilter) =>
  infiniteQueryOptions({
    queryKey: ['runs', { status, definition, since }],
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: LIMIT,
        ...(status && { status }),
        ...(definition && { definition }),
        // Reckoned from the time of asking, so that the window moves on with each time.
        ...(since && { created_from: new Date(Date.now() - SINCE[since]).toISOString() }),
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

/** Why a run does not move; asked while it is looked at. */
export const explanationQuery = (id: string, wanted: boolean, over: boolean) =>
  queryOptions({
    queryKey: ['run', id, 'explanation'],
    queryFn: ({ signal }) => read(client.GET('/v1/runs/{id}/explain', { params: { path: { id } }, signal, ...EXACT })),
    enabled: wanted,
    refetchInterval: over ? false : 3_000,
  })

/** An entry, with its steps as the engine's core writes them, which the OpenAPI document leaves open. */
export type Entry = Omit<HistoryEntry, 'steps'> & { steps: Step[] }

export const historyKey = (id: string, order: HistoryOrder) => ['run', id, 'history', order]

export const historyQuery = (id: string, order: HistoryOrder) =>
  infiniteQueryOptions({
    queryKey: historyKey(id, order),
    queryFn: async ({ pageParam, signal }) => {
      const place = order === 'newest' ? { order: 'desc' as const, ...(pageParam && { before: pageParam }) } : { ...(pageParam && { after: pageParam }) }
      const page = await read(client.GET('/v1/runs/{id}/history', { params: { path: { id }, query: { limit: ENTRIES, ...place } }, signal, ...EXACT }))
      return { next: page.next, items: page.items as Entry[] }
    },
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => page.next,
    // The stream brings what comes; nothing that was read changes.
    staleTime: Number.POSITIVE_INFINITY,
  })

/** The tasks that do not fit into the run's own answer, the newest first. */
export const tasksQuery = (id: string, wanted: boolean) =>
  infiniteQueryOptions({
    queryKey: ['run', id, 'tasks'],
    queryFn: ({ pageParam, signal }) => {
      const params = { path: { id }, query: { limit: 200, ...(pageParam && { cursor: pageParam }) } }
      return read(client.GET('/v1/runs/{id}/tasks', { params, signal, ...EXACT }))
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: cursor,
    enabled: wanted,
  })

/** One task, whole: lists leave large payloads out. */
export const taskQuery = (task: string) =>
  queryOptions({
    queryKey: ['task', task],
    queryFn: ({ signal }) => read(client.GET('/v1/tasks/{task}', { params: { path: { task } }, signal, ...EXACT })),
  })

/** The recovery log of one run. */
export const runRecoveriesQuery = (run: string) =>
  queryOptions({
    queryKey: ['run', run, 'recoveries'],
    queryFn: ({ signal }) => read(client.GET('/v1/recoveries', { params: { query: { run, limit: 200 } }, signal, ...EXACT })),
  })

export interface LettersFilter {
  status?: string | undefined
  fingerprint?: string | undefined
  type?: string | undefined
  queue?: string | undefined
  run?: string | undefined
}

export const deadLettersQuery = ({ status, fingerprint, type, queue, run }: LettersFilter) =>
  infiniteQueryOptions({
    queryKey: ['dead-letters', { status, fingerprint, type, queue, run }],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: LIMIT, ...(status && { status }), ...(fingerprint && { fingerprint }), ...(type && { type }), ...(queue && { queue }), ...(run && { run }), ...(pageParam && { cursor: pageParam }) }
      return read(client.GET('/v1/dead-letters', { params: { query }, signal, ...EXACT }))
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: cursor,
    refetchInterval: SAFETY_MS,
  })

export const letterGroupsQuery = () =>
  infiniteQueryOptions({
    queryKey: ['dead-letters', 'groups'],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: LIMIT, ...(pageParam && { cursor: pageParam }) }
      return read(client.GET('/v1/dead-letters/groups', { params: { query }, signal, ...EXACT }))
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: cursor,
    refetchInterval: SAFETY_MS,
  })

/** The last ones; often while one of them moves. */
export const redrivesQuery = () =>
  queryOptions({
    queryKey: ['redrives'],
    queryFn: ({ signal }) => read(client.GET('/v1/redrives', { params: { query: { limit: 20 } }, signal, ...EXACT })),
    refetchInterval: ({ state }) => (state.data?.items.some((one) => one.status === 'running') ? 1000 : SAFETY_MS),
  })

/** The last ones. */
export const discardsQuery = () =>
  queryOptions({
    queryKey: ['discards'],
    queryFn: ({ signal }) => read(client.GET('/v1/discards', { params: { query: { limit: 20 } }, signal, ...EXACT })),
    refetchInterval: SAFETY_MS,
  })

export const deadLetterQuery = (id: string) =>
  queryOptions({
    queryKey: ['dead-letter', id],
    queryFn: ({ signal }) => read(client.GET('/v1/dead-letters/{id}', { params: { path: { id } }, signal, ...EXACT })),
    refetchInterval: SAFETY_MS,
  })

export interface InboxFilter {
  status?: string | undefined
  run?: string | undefined
  assignee?: string | undefined
}

export const humanTasksQuery = ({ status, run, assignee }: InboxFilter) =>
  infiniteQueryOptions({
    queryKey: ['human-tasks', { status, run, assignee }],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: LIMIT, ...(status && { status }), ...(run && { run }), ...(assignee && { assignee }), ...(pageParam && { cursor: pageParam }) }
      return read(client.GET('/v1/human-tasks', { params: { query }, signal, ...EXACT }))
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: cursor,
    refetchInterval: SAFETY_MS,
  })

export const humanTaskQuery = (id: string) =>
  queryOptions({
    queryKey: ['human-task', id],
    queryFn: ({ signal }) => read(client.GET('/v1/human-tasks/{id}', { params: { path: { id } }, signal, ...EXACT })),
    refetchInterval: SAFETY_MS,
  })

export const workersQuery = queryOptions({
  queryKey: ['workers'],
  queryFn: ({ signal }) => read(client.GET('/v1/workers', { signal, ...EXACT })),
  refetchInterval: 1_000,
})

const summary = async ({ signal }: { signal: AbortSignal }): Promise<unknown> => read(client.GET('/v1/system', { signal, ...EXACT }))

export const systemQuery = queryOptions({ queryKey: ['system'], queryFn: summary, refetchInterval: 3_000 })

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

/** The same at leisure, for what stands on every page. */
export const glanceQuery = queryOptions({ queryKey: ['system', 'glance'], queryFn: summary, refetchInterval: 10_000, retry: false })

/** The links to other tools change with a restart only. */
export const linksQuery = queryOptions({ queryKey: ['system', 'links'], queryFn: summary, staleTime: 300_000, retry: false })

/** How the promises are kept, as the ledger says. */
export const promisesQuery = queryOptions({
  queryKey: ['promises'],
  queryFn: ({ signal }) => read(client.GET('/v1/promises', { signal, ...EXACT })),
  refetchInterval: 5_000,
  retry: false,
})

export const recoveriesQuery = ({ run, kind }: { run?: string | undefined; kind?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['recoveries', { run, kind }],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: LIMIT, ...(run && { run }), ...(kind && { kind }), ...(pageParam && { cursor: pageParam }) }
      return read(client.GET('/v1/recoveries', { params: { query }, signal, ...EXACT }))
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: cursor,
    refetchInterval: 5_000,
  })

export const definitionsQuery = (namespace?: string) =>
  infiniteQueryOptions({
    queryKey: ['definitions', namespace],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: 100, ...(namespace && { namespace }), ...(pageParam && { cursor: pageParam }) }
      return read(client.GET('/v1/definitions', { params: { query }, signal, ...EXACT }))
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: cursor,
  })

/** What the engine says of a document that is not registered yet. A refusal is the answer. */
export const checkQuery = (source: string) =>
  queryOptions({ queryKey: ['check', source], queryFn: () => check(source), retry: false, staleTime: Number.POSITIVE_INFINITY, gcTime: 60_000 })

/** A definition as an SVG picture. */
export const drawingQuery = (namespace: string, name: string, version: string) =>
  queryOptions({
    queryKey: ['drawing', namespace, name, version],
    queryFn: ({ signal }) =>
      readText(client.GET('/v1/definitions/{namespace}/{name}/{version}/graph', { params: { path: { namespace, name, version }, query: { as: 'svg' } }, signal, ...EXACT })),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })

export const definitionQuery = (namespace: string, name: string, version: string) =>
  queryOptions({
    queryKey: ['definition', namespace, name, version],
    queryFn: ({ signal }) =>
      read(client.GET('/v1/definitions/{namespace}/{name}/{version}', { params: { path: { namespace, name, version } }, signal, ...EXACT })),
    // Immutable, once registered.
    staleTime: version === 'latest' ? 0 : Number.POSITIVE_INFINITY,
  })
