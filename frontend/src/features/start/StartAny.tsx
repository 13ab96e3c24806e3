import { useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { start } from '../../api/actions'
import { definitionsQuery } from '../../api/queries'
import { check } from '../../lib/json'
import { paths } from '../../lib/paths'
import { JsonEditor } from '../../ui/Json'
import { Failure } from '../../ui/States'

/** Starts whatever is registered, with an input. */
export function StartAny({ definition }: { definition: string }) {
  const navigate = useNavigate()
  const [chosen, setChosen] = useState(definition)
  const [input, setInput] = useState('{}')
  const [key, setKey] = useState(() => crypto.randomUUID())
  const known = useInfiniteQuery(definitionsQuery).data?.pages.flatMap((page) => page.items) ?? []
  const change = <T,>(set: (value: T) => void) => (value: T) => {
    // Another request, so no repeat of the last one.
    setKey(crypto.randomUUID())
    set(value)
  }
  const started = useMutation({
    mutationFn: () => start(chosen.trim(), input, key),
    onSuccess: ({ id }) => navigate(paths.run(id)),
  })
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
      <button type="submit" className="primary" disabled={started.isPending || chosen.trim() === '' || !check(input).ok}>
        {started.isPending ? 'Starting …' : 'Start'}
      </button>
    </form>
  )
}
