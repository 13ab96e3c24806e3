/** How the dashboard asks the gateway. Nothing else here sends a request. */

import createClient, { type Middleware } from 'openapi-fetch'
import { parseExact } from '../lib/json'
import { ProblemError, readProblem } from '../lib/problem'
import type { paths } from './schema.gen'
import { authorization } from './token'

const authorize: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value)
    return request
  },
}

export const client = createClient<paths>({ baseUrl: location.origin })
client.use(authorize)

/**
 * Goes with every request: answers come as text, which {@link read} parses without rounding big
 * integers. The types say `json` because that is what they are after `read`.
 */
export const EXACT = { parseAs: 'text' as 'json' }

interface Asked<Data> {
  data?: Data
  error?: unknown
  response: Response
}

/** The data of an answer; throws a {@link ProblemError} when it is a refusal. */
export async function read<Data>(asked: Promise<Asked<Data>>): Promise<Data> {
  const text = await readText(asked)
  return (text ? parseExact(text) : undefined) as Data
}

/** The answer as it was written. */
export async function readText(asked: Promise<Asked<unknown>>): Promise<string> {
  const { data, error, response } = await asked
  if (!response.ok) {
    throw new ProblemError(readProblem(response.status, typeof error === 'string' ? error : JSON.stringify(error ?? '')))
  }
  return data as string
}

/** Sends a body as it is written, so that a payload keeps its digits and a document its lines. */
export async function send<Answer>(path: string, body: string, type: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const response = await fetch(path, { method: 'POST', body, headers: { 'content-type': type, ...authorization(), ...headers } })
  const text = await response.text()
  if (!response.ok) throw new ProblemError(readProblem(response.status, text))
  return (text ? parseExact(text) : undefined) as Answer
}
