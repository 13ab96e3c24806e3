/** Says whether changes arrive by themselves. */
export function Live({ state }: { state: 'connecting' | 'live' | 'away' }) {
  const text = { connecting: 'connecting …', live: 'live', away: 'reconnecting …' }[state]
  return (
    <span className={`live ${state}`} role="status">
      <i className="dot" aria-hidden="true" />
      {text}
    </span>
  )
}
