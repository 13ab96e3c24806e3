/** The colour of a dead letter's status. */
export function letterTone(status: string): 'bad' | 'mend' | 'quiet' {
  if (status === 'open') return 'bad'
  return status === 'discarded' ? 'quiet' : 'mend'
}

/** The colour of the status of a redrive of many letters. */
export function redriveTone(status: string): 'bad' | 'mend' | 'quiet' {
  if (status === 'stopped') return 'bad'
  return status === 'running' || status === 'completed' ? 'mend' : 'quiet'
}
