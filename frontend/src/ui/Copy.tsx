import { useEffect, useState } from 'react'

/** A text that can be copied; `short` is shown in its place. */
export function Copy({ text, what, short }: { text: string; what: string; short?: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => { setCopied(false) }, 1500)
    return () => { clearTimeout(timer) }
  }, [copied])
  const copy = () => {
    void navigator.clipboard.writeText(text).then(() => { setCopied(true) })
  }
  return (
    <span className="copy">
      <code title={text}>{short ?? text}</code>
      <button type="button" className="quiet" onClick={copy} aria-label={`Copy ${what}`}>
        <Icon done={copied} />
      </button>
      <span className="hidden" role="status">{copied ? 'Copied' : ''}</span>
    </span>
  )
}

function Icon({ done }: { done: boolean }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      {done ? <path d="M3 8.5l3.5 3.5L13 4.5" /> : <path d="M5.5 5.5V3.2c0-.7.5-1.2 1.2-1.2h5.6c.7 0 1.2.5 1.2 1.2v5.6c0 .7-.5 1.2-1.2 1.2H10M3.7 6h5.1c.7 0 1.2.5 1.2 1.2v5.6c0 .7-.5 1.2-1.2 1.2H3.7c-.7 0-1.2-.5-1.2-1.2V7.2c0-.7.5-1.2 1.2-1.2Z" />}
    </svg>
  )
}
