import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Link } from 'react-router'
import { register } from '../../api/actions'
import { checkQuery } from '../../api/queries'
import { definitionPath, paths } from '../../lib/paths'
import { asProblem, type DocumentProblem } from '../../lib/problem'
import { offset } from '../../lib/yaml'
import { CodeEditor } from '../../ui/Code'
import { ProblemList, Problems } from '../../ui/Problems'
import { TEMPLATE } from './template'

/** A document is checked when its writer pauses for so long. */
const PAUSE_MS = 500

/** The text, once it stayed the same for a while. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => { setSettled(text) }, PAUSE_MS)
    return () => { clearTimeout(timer) }
  }, [text])
  return settled
}

/** A field for a document. What is wrong with it is shown with the places, which a press goes to. */
export function Register() {
  const queries = useQueryClient()
  const field = useRef<HTMLTextAreaElement>(null)
  const [text, setText] = useState(TEMPLATE)
  const settled = useSettled(text)
  const checked = useQuery({ ...checkQuery(settled), enabled: settled.trim() !== '' })
  const sent = useMutation({
    mutationFn: () => register(text),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['definitions'] }),
  })
  const go = ({ line, column }: DocumentProblem) => {
    const at = offset(text, line, column)
    field.current?.focus()
    field.current?.setSelectionRange(at, at + 1)
  }
  const wrong = text === settled && checked.error ? (asProblem(checked.error).problems ?? []) : []
  const warnings = checked.data?.warnings ?? []
  const marks = new Set([...wrong, ...warnings].map((one) => one.line))
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        sent.mutate()
      }}
    >
      <div className="field">
        <label htmlFor="document">Document, YAML or JSON</label>
        <CodeEditor id="document" field={field} value={text} rows={18} marks={marks} invalid={wrong.length > 0} describedBy="document-check" onChange={(next) => { sent.reset(); setText(next) }} />
        <div id="document-check" role="status">
          {sent.error ? null : checked.error && text === settled ? (
            <Problems error={checked.error} onGo={go} />
          ) : checked.data && text === settled ? (
            <>
              <p className="note good">No problem: this can be registered as {checked.data.definition}.</p>
              {warnings.length > 0 && <ProblemList problems={warnings} onGo={go} />}
            </>
          ) : (
            <p className="note">Checking …</p>
          )}
        </div>
      </div>
      {sent.error && <Problems error={sent.error} onGo={go} />}
      {sent.data && (
        <p role="status">
          <Link to={definitionPath(sent.data.definition)}>{sent.data.definition}</Link> is registered.{' '}
          <Link to={paths.start(sent.data.definition)}>Start it</Link>
        </p>
      )}
      <button type="submit" className="primary" disabled={sent.isPending || text.trim() === ''}>
        {sent.isPending ? 'Registering …' : 'Register'}
      </button>
    </form>
  )
}
