/** Every link of the dashboard: the URL holds the state, and nobody else spells one. */

/** What the list of runs is narrowed to. */
export interface RunFilter {
  status?: string | undefined
  definition?: string | undefined
  /** How far back: a name of {@link SINCE}. */
  since?: string | undefined
}

/** What the list of dead letters is narrowed to. */
export interface LetterFilter {
  /** `open` unless said; `all` for all. */
  status?: string | undefined
  /** What they died of. */
  fingerprint?: string | undefined
  type?: string | undefined
  queue?: string | undefined
  run?: string | undefined
}

/** The sections of the page of a run. */
export const RUN_SECTIONS = ['timeline', 'drawing', 'tasks', 'history', 'data', 'definition'] as const
export type RunSection = (typeof RUN_SECTIONS)[number]

/** How far back a list of runs may go, in milliseconds. */
export const SINCE = { '15m': 900_000, '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000 } as const
export type Since = keyof typeof SINCE

export function isSince(text: string | null): text is Since {
  return text !== null && Object.hasOwn(SINCE, text)
}

function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter((pair): pair is [string, string] => Boolean(pair[1]))
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

const part = encodeURIComponent

export const paths = {
  runs: ({ status, definition, since }: RunFilter = {}) => `/${query({ status, definition, since })}`,
  run: (id: string, section?: RunSection, more: { task?: string | undefined; at?: string | undefined; order?: string | undefined; only?: string | undefined } = {}) =>
    `/runs/${part(id)}${query({ section: section === 'timeline' ? undefined : section, ...more })}`,
  start: (definition?: string, like?: string) => `/start${query({ definition, like })}`,
  definitions: (namespace?: string) => `/definitions${query({ namespace })}`,
  // A version has dots, and the gateway takes a last segment with a dot for a file.
  definition: (namespace: string, name: string, version: string) =>
    `/definitions/${part(namespace)}/${part(name)}${query({ version })}`,
  deadLetters: ({ status, fingerprint, type, queue, run }: LetterFilter = {}) =>
    `/dead-letters${query({ status: status === 'open' ? undefined : status, fingerprint, type, queue, run })}`,
  letterGroups: () => '/dead-letters/groups',
  deadLetter: (id: string) => `/dead-letters/${part(id)}`,
  inbox: ({ status, assignee }: { status?: string | undefined; assignee?: string | undefined } = {}) =>
    `/inbox${query({ status: status === 'open' ? undefined : status, for: assignee })}`,
  humanTask: (id: string) => `/inbox/${part(id)}`,
  recoveries: ({ run, kind }: { run?: string | undefined; kind?: string | undefined } = {}) => `/recoveries${query({ run, kind })}`,
  workers: () => '/workers',
  system: () => '/system',
} as const

/** Where one looks at what an explanation is about; none: there is no such page. */
export function subjectPath({ kind, id }: { kind: string; id: string }): string | undefined {
  switch (kind) {
    case 'run':
      return paths.run(id)
    case 'task':
      return paths.run(id.slice(0, id.lastIndexOf(':')), 'timeline', { task: id })
    case 'dead-letter':
      return paths.deadLetter(id)
    case 'worker':
      return paths.workers()
    case 'queue':
    case 'service':
      return paths.system()
    default:
      return undefined
  }
}

/** The end of a long id, which is what tells it from its neighbours. */
export function shortId(id: string): string {
  return id.length > 18 ? `…${id.slice(-10)}` : id
}

/** Splits `namespace/name:version`; none: it is no such reference. */
export function splitReference(reference: string): { namespace: string; name: string; version: string } | undefined {
  const [, namespace, name, version] = /^([^/:]+)\/([^/:]+):(.+)$/.exec(reference) ?? []
  return namespace && name && version ? { namespace, name, version } : undefined
}

/** The page of a definition by its reference. */
export function definitionPath(reference: string): string {
  const parts = splitReference(reference)
  return parts ? paths.definition(parts.namespace, parts.name, parts.version) : paths.definitions()
}
