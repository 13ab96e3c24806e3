import { useRef, type RefObject } from 'react'
import { yamlParts } from '../lib/yaml'

/** A line of YAML in colours. */
export function yaml(line: string): React.ReactNode {
  return yamlParts(line).map((part, index) => (part.kind ? <span key={index} className={part.kind}>{part.text}</span> : part.text))
}

interface Props {
  id: string
  value: string
  onChange: (text: string) => void
  rows: number
  invalid: boolean
  describedBy?: string
  /** Lines to point at, from 1. */
  marks: ReadonlySet<number>
  field: RefObject<HTMLTextAreaElement | null>
}

/** A field for a document, with numbers beside its lines; those with a problem are marked. */
export function CodeEditor({ id, value, onChange, rows, invalid, describedBy, marks, field }: Props) {
  const gutter = useRef<HTMLDivElement>(null)
  const lines = value.split('\n').length
  return (
    <div className="editor">
      <div className="gutter" ref={gutter} aria-hidden="true">
        {Array.from({ length: lines }, (_, index) => <span key={index} className={marks.has(index + 1) ? 'marked' : undefined}>{index + 1}</span>)}
      </div>
      <textarea
        id={id}
        ref={field}
        className="code"
        rows={rows}
        wrap="off"
        spellCheck={false}
        value={value}
        aria-invalid={invalid}
        aria-describedby={describedBy}
        onScroll={(event) => { if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop }}
        onChange={(event) => { onChange(event.target.value) }}
      />
    </div>
  )
}
