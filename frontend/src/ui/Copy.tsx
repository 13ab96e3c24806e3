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
        {copied ? '✓' : '⧉'}
      </button>
      <span className="hidden" role="status">{copied ? 'Copied' : ''}</span>
    </span>
  )
}
