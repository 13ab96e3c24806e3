import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { Link } from 'react-router'
import { register } from '../../api/actions'
import { definitionPath, paths } from '../../lib/paths'
import type { DocumentProblem } from '../../lib/problem'
import { ProblemList, Problems } from '../../ui/Problems'
import { TEMPLATE } from './template'

/** A field for a document. What is wrong with it is shown with the places, which a press goes to. */
export function Register() {
  const queries = useQueryClient()
  const field = useRef<HTMLTextAreaElement>(null)
  const [text, setText] = useState(TEMPLATE)
  const sent = useMutation({
    mutationFn: () => register(text),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['definitions'] }),
  })
  const go = ({ line, column }: DocumentProblem) => {
    const before = text.split('\n').slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0)
    const at = before + Math.max(0, column - 1)
    field.current?.focus()
    field.current?.setSelectionRange(at, at + 1)
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        sent.mutate()
      }}
    >
      <div className="field">
        <label htmlFor="document">Document, YAML or JSON</label>
        <textarea
          id="document"
          ref={field}
          className="code"
          rows={16}
          spellCheck={false}
          value={text}
          aria-invalid={sent.isError}
          onChange={(event) => { setText(event.target.value) }}
        />
      </div>
      {sent.error && <Problems error={sent.error} onGo={go} />}
      {sent.data && (
        <div role="status">
          <p>
            <Link to={definitionPath(sent.data.definition)}>{sent.data.definition}</Link> is registered.{' '}
            <Link to={paths.start(sent.data.definition)}>Start it</Link>
          </p>
          {sent.data.warnings.length > 0 && <ProblemList problems={sent.data.warnings} onGo={go} />}
        </div>
      )}
      <button type="submit" className="primary" disabled={sent.isPending || text.trim() === ''}>
        {sent.isPending ? 'Registering …' : 'Register'}
      </button>
    </form>
  )
}
