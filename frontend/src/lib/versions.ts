/** Versions of definitions, in the order of semantic versioning. */

/** Which of two versions is higher: above 0 when `a` is. */
export function compareVersions(a: string, b: string): number {
  const [[coreA, preA], [coreB, preB]] = [split(a), split(b)]
  const core = compareParts(coreA.split('.'), coreB.split('.'))
  if (core !== 0) return core
  // What has a pre-release part comes before what has none.
  if (preA === undefined || preB === undefined) return Number(preA === undefined) - Number(preB === undefined)
  return compareParts(preA.split('.'), preB.split('.'))
}

function split(version: string): [string, string | undefined] {
  const [plain = ''] = version.split('+')
  const at = plain.indexOf('-')
  return at < 0 ? [plain, undefined] : [plain.slice(0, at), plain.slice(at + 1)]
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [one, other] = [a[index], b[index]]
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1
    if (one === other) continue
    const [numberA, numberB] = [/^\d+$/.test(one), /^\d+$/.test(other)]
    if (numberA && numberB) return Number(one) - Number(other)
    if (numberA !== numberB) return numberA ? -1 : 1
    return one < other ? -1 : 1
  }
  return 0
}

/** Groups by namespace and name, in the order in which they come; of each the highest version first. */
export function byName<One extends { namespace: string; name: string; version: string }>(items: readonly One[]): [One, ...One[]][] {
  const groups = new Map<string, [One, ...One[]]>()
  for (const one of items) {
    const key = `${one.namespace}/${one.name}`
    const group = groups.get(key)
    if (group) group.push(one)
    else groups.set(key, [one])
  }
  for (const group of groups.values()) group.sort((a, b) => compareVersions(b.version, a.version))
  return [...groups.values()]
}
