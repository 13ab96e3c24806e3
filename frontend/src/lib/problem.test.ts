import { expect, test } from 'vitest'
import { asProblem, ProblemError, readProblem } from './problem'

test('a problem document is read with its trace id', () => {
  const body = JSON.stringify({ title: 'run x does not exist', code: 'run_not_found', trace_id: 'abc', status: 404 })
  expect(readProblem(404, body)).toMatchObject({ title: 'run x does not exist', trace_id: 'abc', status: 404 })
})

test('what is no problem document is still told', () => {
  expect(readProblem(502, '<h1>Bad gateway</h1>')).toMatchObject({ status: 502, detail: '<h1>Bad gateway</h1>' })
  expect(readProblem(500, '')).not.toHaveProperty('detail')
  expect(readProblem(500, '"text"').title).toContain('500')
})

test('an engine that is away is told apart from a refusal', () => {
  expect(asProblem(new TypeError('Failed to fetch')).code).toBe('no_answer')
  expect(asProblem(new ProblemError({ title: 't', status: 409, code: 'conflict' })).code).toBe('conflict')
})
