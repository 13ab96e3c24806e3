import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'
import { answer } from '../../api/actions'
import type { HumanTask } from '../../api/types'
import { answerOf, fields, refusal, type Field } from '../../lib/form'
import { check } from '../../lib/json'
import { paths } from '../../lib/paths'
import { JsonEditor } from '../../ui/Json'
import { Failure } from '../../ui/States'

/** Who answers is asked once. */
const NAME = 'kintsugi.name'

/** Answers a task: in fields where its form is one of plain values, else as JSON. */
export function AnswerForm({ task }: { task: HumanTask }) {
  const queries = useQueryClient()
  const [by, setBy] = useState(() => localStorage.getItem(NAME) ?? '')
  const [values, setValues] = useState<Readonly<Record<string, string>>>({})
  const [text, setText] = useState('{}')
  const known = fields(task.form)
  const wrong = known ? known.some((one) => refusal(one, values[one.name] ?? '') !== undefined) : !check(text).ok
  const sent = useMutation({
    mutationFn: () => answer(task.id, known ? answerOf(known, values) : text, by.trim()),
    onSuccess: () => { localStorage.setItem(NAME, by.trim()) },
    onSettled: () => Promise.all([['human-tasks'], ['human-task'], ['run', task.run]].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  })
  if (sent.isSuccess || task.status !== 'open') return <Over task={task} mine={sent.isSuccess} />
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        sent.mutate()
      }}
    >
      {known
        ? known.map((one) => <Input key={one.name} field={one} value={values[one.name] ?? ''} onChange={(value) => { setValues({ ...values, [one.name]: value }) }} />)
        : <JsonEditor label="Answer, as JSON" value={text} onChange={setText} rows={6} />}
      <div className="field">
        <label htmlFor="answer-by">Your name</label>
        <input id="answer-by" value={by} maxLength={200} autoComplete="name" onChange={(event) => { setBy(event.target.value) }} />
        <p className="note">It stands in the history of the run.</p>
      </div>
      {sent.error && <Failure error={sent.error} />}
      <button type="submit" className="primary" disabled={sent.isPending || wrong}>{sent.isPending ? 'Answering …' : 'Answer'}</button>
    </form>
  )
}

function Over({ task, mine }: { task: HumanTask; mine: boolean }) {
  const what = mine ? 'Your answer is kept.' : task.status === 'answered' ? 'It was answered.' : 'An answer is no longer wanted.'
  return <p role="status">{what} <Link to={paths.run(task.run)}>See the run go on.</Link></p>
}

interface InputProps {
  field: Field
  value: string
  onChange: (value: string) => void
}

function Input({ field, value, onChange }: InputProps) {
  const id = `answer-${field.name}`
  const why = value === '' ? undefined : refusal(field, value)
  const shared = { id, value, 'aria-describedby': `${id}-note`, 'aria-invalid': why !== undefined }
  const change = (event: { target: { value: string } }) => { onChange(event.target.value) }
  return (
    <div className="field">
      <label htmlFor={id}>{field.label}{field.required && <span className="fine"> (needed)</span>}</label>
      {field.kind === 'long' && <textarea {...shared} rows={4} onChange={change} />}
      {(field.kind === 'yes-no' || field.kind === 'choice') && (
        <select {...shared} required={field.required} onChange={change}>
          <option value="">…</option>
          {field.kind === 'yes-no'
            ? [['true', 'yes'], ['false', 'no']].map(([key, name]) => <option key={key} value={key}>{name}</option>)
            : field.options.map((one) => <option key={one} value={one}>{one.replaceAll(/^"|"$/g, '')}</option>)}
        </select>
      )}
      {(field.kind === 'text' || field.kind === 'number' || field.kind === 'integer') && (
        <input {...shared} required={field.required} inputMode={field.kind === 'text' ? undefined : 'decimal'} onChange={change} />
      )}
      <p id={`${id}-note`} className={why ? 'note bad' : 'note'}>{why ?? field.note}</p>
    </div>
  )
}
