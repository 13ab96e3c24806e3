import { expect, test } from 'vitest'
import { byName, compareVersions } from './versions'

test('versions have the order of semantic versioning', () => {
  const order = ['0.1.0', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0', '1.0.10', '1.2.0', '10.0.0']
  expect([...order].sort(() => -1).sort(compareVersions)).toEqual(order)
  expect(compareVersions('1.0.0+a', '1.0.0+b')).toBe(0)
})

test('versions of a name stand together, the highest first', () => {
  const one = (name: string, version: string) => ({ namespace: 'n', name, version })
  expect(byName([one('b', '1.0.0'), one('a', '1.0.0'), one('b', '1.10.0'), one('b', '1.9.0')]).map((group) => group.map((it) => it.name + it.version)))
    .toEqual([['b1.10.0', 'b1.9.0', 'b1.0.0'], ['a1.0.0']])
})
