/** What the dashboard changes. */

import { send } from './client'
import type { Registered, Started } from './types'

const JSON_TYPE = 'application/json'

function documentType(source: string): string {
  return /^\s*\{/.test(source) ? JSON_TYPE : 'application/yaml'
}

/** Registers a document, YAML or JSON. */
export function register(source: string): Promise<Registered> {
  return send('/v1/definitions', source, documentType(source))
}

/** Checks a document as if it was to be registered, and changes nothing. */
export function check(source: string): Promise<Registered> {
  return send('/v1/definitions?dry_run=true', source, documentType(source))
}

/** Starts a run. `key` makes a repeat of the same press of a button start nothing new. */
export function start(definition: string, input: string, key: string): Promise<Started> {
  const body = `{"definition":${JSON.stringify(definition)},"input":${input}}`
  return send('/v1/runs', body, JSON_TYPE, { 'idempotency-key': key })
}

export function cancel(run: string, reason: string): Promise<unknown> {
  return send(`/v1/runs/${encodeURIComponent(run)}/cancel`, JSON.stringify({ reason }), JSON_TYPE)
}

/** Suspends a run, or has it go on. */
export function steer(run: string, what: 'suspend' | 'resume', reason: string): Promise<unknown> {
  return send(`/v1/runs/${encodeURIComponent(run)}/${what}`, JSON.stringify({ reason }), JSON_TYPE)
}

/** Gives a task out now that waits for its next attempt. */
export function retryNow(run: string, task: number, reason: string): Promise<unknown> {
  return send(`/v1/runs/${encodeURIComponent(run)}/tasks/${task}/retry`, JSON.stringify({ reason }), JSON_TYPE)
}

/** Gives a dead letter new attempts; with `input`, a JSON text, in place of its own. */
export function redrive(id: string, input?: string): Promise<unknown> {
  return send(`/v1/dead-letters/${encodeURIComponent(id)}/redrive`, input === undefined ? '{}' : `{"input":${input}}`, JSON_TYPE)
}

/** Closes the open dead letters of a group. */
export function discard(fingerprint: string, reason: string): Promise<unknown> {
  return send('/v1/discards', JSON.stringify({ letters: { fingerprint }, reason }), JSON_TYPE)
}

/** Takes a discard back: its letters are open again. */
export function undoDiscard(id: string): Promise<unknown> {
  return send(`/v1/discards/${encodeURIComponent(id)}/undo`, '{}', JSON_TYPE)
}

/** Answers what a run asks a person, with a JSON text. */
export function answer(id: string, given: string, by: string): Promise<unknown> {
  const who = by === '' ? '' : `,"by":${JSON.stringify(by)}`
  return send(`/v1/human-tasks/${encodeURIComponent(id)}/answer`, `{"answer":${given}${who}}`, JSON_TYPE)
}
