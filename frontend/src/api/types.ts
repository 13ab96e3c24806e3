/** Names for what the API gives. The shapes are generated from its OpenAPI document. */

import type { components } from './schema.gen'

type Schemas = components['schemas']

export type Run = Schemas['Run']
export type RunSummary = Schemas['RunSummary']
export type RunPage = Schemas['RunPage']
export type RunStatus = Schemas['RunStatus']
export type Started = Schemas['Started']
export type Task = Schemas['Task']
export type TaskStatus = Schemas['TaskStatus']
export type Attempt = Schemas['Attempt']
export type AttemptStatus = Schemas['AttemptStatus']
export type DeadLetter = Schemas['DeadLetter']
export type DeadLetterPage = Schemas['DeadLetterPage']
export type DeadLetterGroup = Schemas['DeadLetterGroup']
export type Discard = Schemas['Discard']
export type HumanTask = Schemas['HumanTask']
export type Worker = Schemas['Worker']
export type HistoryEntry = Schemas['HistoryEntry']
export type Recovery = Schemas['Recovery']
export type Promise = Schemas['Promise']
export type Explanation = Schemas['Explanation']
export type Cause = Schemas['ExplanationCause']
export type Definition = Schemas['Definition']
export type DefinitionSummary = Schemas['DefinitionSummary']
export type Registered = Schemas['Registered']
