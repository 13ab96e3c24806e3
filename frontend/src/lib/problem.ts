/** Why a request was not done (RFC 9457), as the API says it. */

export interface DocumentProblem {
  code: string
  message: string
  line: number
  column: number
  pointer: string
  hint?: string
}

export interface Problem {
  title: string
  status: number
  code: string
  detail?: string
  trace_id?: string
  problems?: DocumentProblem[]
}

/** A request that was not done. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.title)
    this.name = 'ProblemError'
    this.problem = problem
  }
}

/** What to show of anything that was thrown. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  if (error instanceof TypeError) {
    return { title: 'The engine does not answer', status: 0, code: 'no_answer', detail: 'Is it running? Your work is safe: runs go on as soon as it is.' }
  }
  return { title: error instanceof Error ? error.message : 'Something went wrong', status: 0, code: 'unknown' }
}

/** Reads the body of a refusal; what is no problem document becomes one. */
export function readProblem(status: number, body: string): Problem {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null && 'title' in value && typeof value.title === 'string') {
      return { code: 'unknown', ...value, title: value.title, status }
    }
  } catch {
    // Not JSON: a proxy answered, or nobody did.
  }
  const problem: Problem = { title: `The engine answered with status ${status}`, status, code: 'unknown' }
  return body === '' ? problem : { ...problem, detail: body.slice(0, 300) }
}
