import { expect, test } from 'vitest'
import { definitionPath, paths, shortId, splitReference, subjectPath } from './paths'

test('a filter that is not set leaves no trace in the URL', () => {
  expect(paths.runs()).toBe('/')
  expect(paths.runs({ status: 'faulted' })).toBe('/?status=faulted')
  expect(paths.runs({ status: '', definition: 'demo/x' })).toBe('/?definition=demo%2Fx')
})

test('ids are escaped, so that an id with a slash stays one segment', () => {
  expect(paths.deadLetter('a/b:3:1')).toBe('/dead-letters/a%2Fb%3A3%3A1')
  expect(paths.run('a?b', 'history')).toBe('/runs/a%3Fb?section=history')
  expect(paths.run('a', 'tasks', { at: '/do/0/charge~1card' })).toBe('/runs/a?section=tasks&at=%2Fdo%2F0%2Fcharge%7E1card')
})

test('a reference is split, and what is none leads to the list', () => {
  expect(splitReference('demo/order:1.0.0-rc.1')).toEqual({ namespace: 'demo', name: 'order', version: '1.0.0-rc.1' })
  expect(splitReference('order')).toBeUndefined()
  expect(definitionPath('nonsense')).toBe('/definitions')
  expect(definitionPath('demo/order:1.0.0')).toBe('/definitions/demo/order?version=1.0.0')
})

test('a long id is shortened to its end, a short one is not', () => {
  expect(shortId('01a20b0e-a3c1-7632-bc6c-51d6a2c363fa')).toBe('…d6a2c363fa')
  expect(shortId('order-7')).toBe('order-7')
})

test('what an explanation is about has its page', () => {
  expect(subjectPath({ kind: 'run', id: 'r-1' })).toBe('/runs/r-1')
  expect(subjectPath({ kind: 'task', id: 'r-1:3' })).toBe('/runs/r-1?task=r-1%3A3')
  expect(subjectPath({ kind: 'dead-letter', id: 'r-1:3:2' })).toBe('/dead-letters/r-1%3A3%3A2')
  expect(subjectPath({ kind: 'worker', id: 'w' })).toBe('/workers')
  expect(subjectPath({ kind: 'schedule', id: 'a/b' })).toBeUndefined()
})
