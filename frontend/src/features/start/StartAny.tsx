import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { start } from '../../api/actions'
import { definitionsQuery, runQuery } from '../../api/queries'
import { check, pretty } from '../../lib/json'
import { paths } from '../../lib/paths'
import { snippets } from '../../lib/snippets'
import { Copy } from '../../ui/Copy'
import { JsonEditor } from '../../ui/Json'
import { Failure } from '../../ui/States'

/** Starts whatever is registered, with an input; `like` names a run whose input to begin with. */
export function StartAny({ definition, like }: { definition: string; like: string }) {
  const other = useQuery({ ...runQuery(like), enabled: like !== '' })
  if (like !== '' && other.isPending) return <p className="none" role="status">Reading the input of {like} …</p>
  return <Form key={like} definition={definition} first={other.data ? pretty(other.data.input) : '{}'} />
}

function Form({ definition, first }: { definition: string; first: string }) {
  const navigate = useNavigate()
  const [chosen, setChosen] = useState(definition)
  const [input, setInput] = useState(first)
  const [key, setKey] = useState(() => crypto.randomUUID())
  const known = useInfiniteQuery(definitionsQuery()).data?.pages.flatMap((page) => page.items) ?? []
  const change = <T,>(set: (value: T) => void) => (value: T) => {
    // Another request, so no repeat of the last one.
    setKey(crypto.randomUUID())
    set(value)
  }
  const started = useMutation({
    mutationFn: () => start(chosen.trim(), input, key),
    onSuccess: ({ id }) => navigate(paths.run(id)),
  })
  const ready = chosen.trim() !== '' && check(input).ok
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        started.mutate()
      }}
    >
      <div className="field">
        <label htmlFor="start-definition">Definition</label>
        <input
          id="start-definition"
          list="definitions"
          placeholder="namespace/name:version"
          required
          value={chosen}
          onChange={(event) => { change(setChosen)(event.target.value) }}
        />
        <datalist id="definitions">
          {known.map((one) => <option key={one.definition} value={one.definition} />)}
        </datalist>
        <p className="note">
          Without a version, the latest. <Link to={paths.definitions()}>Register another</Link>
        </p>
      </div>
      <JsonEditor label="Input of the run" value={input} onChange={change(setInput)} />
      {started.error && <Failure error={started.error} />}
      <button type="submit" className="primary" disabled={started.isPending || !ready}>
        {started.isPending ? 'Starting …' : 'Start'}
      </button>
      {ready && <Elsewhere definition={chosen.trim()} input={input} />}
    </form>
  )
}

/** The same from a shell. */
function Elsewhere({ definition, input }: { definition: string; input: string }) {
  return (
    <details>
      <summary>The same from a shell</summary>
      {snippets(location.origin, definition, input).map(({ name, text }) => (
        <div key={name} className="snippet">
          <b>{name}</b> <Copy text={text} what={name} />
        </div>
      ))}
    </details>
  )
}
