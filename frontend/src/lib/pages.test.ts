import { expect, test } from 'vitest'
import { appended } from './pages'

const entry = (seq: number) => ({ seq })
const page = (next: number | undefined, ...seqs: number[]) => ({ items: seqs.map(entry), next })

test('the next entry comes first where the newest do', () => {
  expect(appended([page(2, 3, 2), page(undefined, 1)], entry(4), 'newest')).toEqual([page(2, 4, 3, 2), page(undefined, 1)])
  expect(appended([page(undefined)], entry(1), 'newest')).toEqual([page(undefined, 1)])
})

test('the next entry comes last where the oldest are first, once all pages are read', () => {
  expect(appended([page(undefined, 1, 2)], entry(3), 'oldest')).toEqual([page(undefined, 1, 2, 3)])
  expect(appended([page(2, 1, 2)], entry(9), 'oldest')).toBe('known')
})

test('what is there already changes nothing, and a gap is one', () => {
  for (const order of ['newest', 'oldest'] as const) {
    expect(appended([page(undefined, 1)], entry(1), order)).toBe('known')
    expect(appended([page(undefined, 1)], entry(3), order)).toBe('gap')
    expect(appended([], entry(1), order)).toBe('gap')
  }
})
