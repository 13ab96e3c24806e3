import { useState } from 'react'
import { check, pretty } from '../lib/json'
import { Copy } from './Copy'

/** Longer texts are cut, and shown whole on demand. */
const SHOWN = 20_000

/** A text of some language, as it is. */
export function Source({ text, label, mark }: { text: string; label: string; mark?: number | undefined }) {
  const [whole, setWhole] = useState(false)
  const cut = !whole && text.length > SHOWN
  const lines = (cut ? text.slice(0, SHOWN) : text).split('\n')
  return (
    <figure className="source">
      <figcaption>
        <span>{label}</span>
        <Copy text={text} what={label} short={`${lines.length} lines`} />
      </figcaption>
      <pre tabIndex={0} aria-label={label}>
        {lines.map((line, index) => (
          <span key={index} className={index + 1 === mark ? 'line marked' : 'line'}>{line}{'\n'}</span>
        ))}
      </pre>
      {cut && (
        <button type="button" className="quiet" onClick={() => { setWhole(true) }}>
          Show all {text.length.toLocaleString()} characters
        </button>
      )}
    </figure>
  )
}

export function Json({ value, label }: { value: unknown; label: string }) {
  return <Source text={pretty(value)} label={label} />
}

interface EditorProps {
  label: string
  value: string
  onChange: (text: string) => void
  rows?: number
}

/** A field for one JSON value, checked as it is typed. */
export function JsonEditor({ label, value, onChange, rows = 10 }: EditorProps) {
  const result = check(value)
  const id = `json-${label.toLowerCase().replaceAll(/\W+/g, '-')}`
  const where = !result.ok && result.line !== undefined ? ` Line ${result.line}, column ${result.column ?? 1}.` : ''
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        className="code"
        rows={rows}
        spellCheck={false}
        value={value}
        aria-invalid={!result.ok}
        aria-describedby={`${id}-note`}
        onChange={(event) => { onChange(event.target.value) }}
      />
      <p id={`${id}-note`} className={result.ok ? 'note' : 'note bad'} role="status">
        {result.ok ? 'This is valid JSON.' : `${result.message}${where}`}
      </p>
    </div>
  )
}
