/** What the dashboard changes. */

import { send } from './client'
import type { RedriveJob, RedrivePreview, Registered, Started } from './types'

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

/** How a group of dead letters is to be redriven. */
export interface RedriveWish {
  fingerprint: string
  reason: string
  rate: number
  canary: boolean
  /** A JSON text: the merge patch of each input. */
  patch?: string | undefined
}

function wished({ fingerprint, reason, rate, canary, patch }: RedriveWish, dry: boolean): string {
  const body = JSON.stringify({ letters: { fingerprint }, reason, rate, canary, dry_run: dry })
  return patch === undefined ? body : `${body.slice(0, -1)},"input":${patch}}`
}

/** Says what a redrive of a group would be, and changes nothing. */
export function previewRedrive(wish: RedriveWish): Promise<RedrivePreview> {
  return send('/v1/redrives', wished(wish, true), JSON_TYPE)
}

/** Redrives a group, step by step. */
export function redriveGroup(wish: RedriveWish): Promise<RedriveJob> {
  return send('/v1/redrives', wished(wish, false), JSON_TYPE)
}

export type RedriveOrder = 'pause' | 'resume' | 'cancel'

export function orderRedrive(id: string, order: RedriveOrder): Promise<RedriveJob> {
  return send(`/v1/redrives/${encodeURIComponent(id)}/${order}`, '{}', JSON_TYPE)
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
