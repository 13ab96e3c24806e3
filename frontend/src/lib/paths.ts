/** Every link of the dashboard: the URL holds the state, and nobody else spells one. */

/** What the list of runs is narrowed to. */
export interface RunFilter {
  status?: string | undefined
  definition?: string | undefined
}

/** The sections of the page of a run. */
export const RUN_SECTIONS = ['timeline', 'tasks', 'history', 'data', 'definition'] as const
export type RunSection = (typeof RUN_SECTIONS)[number]

function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter((pair): pair is [string, string] => Boolean(pair[1]))
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

const part = encodeURIComponent

export const paths = {
  runs: (filter: RunFilter = {}) => `/${query({ status: filter.status, definition: filter.definition })}`,
  run: (id: string, section?: RunSection) =>
    `/runs/${part(id)}${query({ section: section === 'timeline' ? undefined : section })}`,
  start: (definition?: string) => `/start${query({ definition })}`,
  definitions: () => '/definitions',
  // A version has dots, and the gateway takes a last segment with a dot for a file.
  definition: (namespace: string, name: string, version: string) =>
    `/definitions/${part(namespace)}/${part(name)}${query({ version })}`,
  deadLetters: (status?: string) => `/dead-letters${query({ status })}`,
  deadLetter: (id: string) => `/dead-letters/${part(id)}`,
  workers: () => '/workers',
  system: () => '/system',
} as const

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
