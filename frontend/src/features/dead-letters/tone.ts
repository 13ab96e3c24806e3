/** The colour of a dead letter's status. */
export function letterTone(status: string): 'bad' | 'mend' | 'quiet' {
  if (status === 'open') return 'bad'
  return status === 'discarded' ? 'quiet' : 'mend'
}
