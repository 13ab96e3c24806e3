import { useState } from 'react'
import { brief, check, pretty } from '../lib/json'
import { Copy } from './Copy'
import { Download } from './Download'

/** Longer texts are cut, and shown whole on demand. */
const SHOWN = 20_000
/** More of an object's or a list's values are shown on demand. */
const CHILDREN = 100

interface SourceProps {
  text: string
  label: string
  /** Lines to point at, from 1. */
  marks?: ReadonlySet<number> | undefined
  /** Draws a line; without it, it stands as it is. */
  draw?: ((line: string) => React.ReactNode) | undefined
}

/** A text of some language, as it is. */
export function Source({ text, label, marks, draw }: SourceProps) {
  return (
    <figure className="source">
      <figcaption>
        <span>{label}</span>
        <Copy text={text} what={label} short={`${text.split('\n').length.toLocaleString()} lines`} />
      </figcaption>
      <Lines text={text} label={label} marks={marks} draw={draw} />
    </figure>
  )
}

function Lines({ text, label, marks, draw }: SourceProps) {
  const [whole, setWhole] = useState(false)
  const cut = !whole && text.length > SHOWN
  const lines = (cut ? text.slice(0, SHOWN) : text).split('\n')
  return (
    <>
      <pre tabIndex={0} aria-label={label}>
        {lines.map((line, index) => (
          <span key={index} className={marks?.has(index + 1) ? 'line marked' : 'line'}>{draw ? draw(line) : line}{'\n'}</span>
        ))}
      </pre>
      {cut && (
        <button type="button" className="quiet" onClick={() => { setWhole(true) }}>
          Show all {text.length.toLocaleString()} characters
        </button>
      )}
    </>
  )
}

/** A JSON value: as text, or as a tree to open and close where it has depth. */
export function Json({ value, label, name }: { value: unknown; label: string; name?: string }) {
  const [tree, setTree] = useState(false)
  const text = pretty(value)
  const deep = typeof value === 'object' && value !== null && text.split('\n').length > 6
  return (
    <figure className="source">
      <figcaption>
        <span>{label}</span>
        <span className="inline-list">
          {deep && <button type="button" className="quiet" aria-pressed={tree} onClick={() => { setTree(!tree) }}>Tree</button>}
          {name && <Download text={() => text} name={name} />}
          <Copy text={text} what={label} short={`${text.split('\n').length.toLocaleString()} lines`} />
        </span>
      </figcaption>
      {tree ? <div className="tree" role="group" aria-label={label}><Branch value={value} depth={0} /></div> : <Lines text={text} label={label} draw={json} />}
    </figure>
  )
}

const JSON_PART = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g

/** A line of JSON in colours. */
function json(line: string): React.ReactNode {
  const parts: React.ReactNode[] = []
  let end = 0
  for (const match of line.matchAll(JSON_PART)) {
    parts.push(line.slice(end, match.index))
    const kind = match[2] !== undefined ? 'key' : match[1] !== undefined ? 'string' : 'atom'
    parts.push(<span key={match.index} className={kind}>{match[0]}</span>)
    end = match.index + match[0].length
  }
  return [...parts, line.slice(end)]
}

/** The values of an object or a list, each of which may be opened. */
function Branch({ value, depth }: { value: unknown; depth: number }) {
  const [all, setAll] = useState(false)
  if (typeof value !== 'object' || value === null) return <span className={typeof value === 'string' ? 'string' : 'atom'}>{pretty(value)}</span>
  const entries: [string, unknown][] = Object.entries(value)
  const shown = all ? entries : entries.slice(0, CHILDREN)
  return (
    <ul>
      {shown.map(([key, child]) => (
        <li key={key}><Twig name={key} value={child} depth={depth} /></li>
      ))}
      {shown.length < entries.length && (
        <li><button type="button" className="quiet" onClick={() => { setAll(true) }}>{entries.length - shown.length} more</button></li>
      )}
    </ul>
  )
}

function Twig({ name, value, depth }: { name: string; value: unknown; depth: number }) {
  const [open, setOpen] = useState(depth < 1)
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) {
    return <><span className="key">{name}</span>: <span className={typeof value === 'string' ? 'string' : 'atom'}>{brief(value, 2_000)}</span></>
  }
  return (
    <details open={open} onToggle={(event) => { setOpen(event.currentTarget.open) }}>
      <summary><span className="key">{name}</span>: <span className="none">{Array.isArray(value) ? `list of ${value.length}` : brief(Object.keys(value), 60)}</span></summary>
      {open && <Branch value={value} depth={depth + 1} />}
    </details>
  )
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
