import { useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { paths } from '../../lib/paths'
import { RUN_MEANING, RUN_STATUSES, type RunStatus } from '../../lib/status'

interface Props {
  status: RunStatus | undefined
  definition: string | undefined
}

/** What the list is narrowed to. It stands in the URL, so that it can be shared and come back to. */
export function Filters({ status, definition }: Props) {
  return (
    <div className="filters">
      <nav aria-label="Filter by status" className="chips">
        <Link to={paths.runs({ definition })} aria-current={status === undefined ? 'true' : undefined}>all</Link>
        {RUN_STATUSES.map((one) => (
          <Link key={one} to={paths.runs({ status: one, definition })} title={RUN_MEANING[one]} aria-current={status === one ? 'true' : undefined}>
            {one}
          </Link>
        ))}
      </nav>
      <DefinitionFilter key={definition ?? ''} status={status} definition={definition} />
    </div>
  )
}

function DefinitionFilter({ status, definition }: Props) {
  const [text, setText] = useState(definition ?? '')
  const navigate = useNavigate()
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        void navigate(paths.runs({ status, definition: text.trim() }))
      }}
    >
      <label className="hidden" htmlFor="definition">Definition</label>
      <input
        id="definition"
        type="search"
        placeholder="namespace/name:version"
        value={text}
        onChange={(event) => { setText(event.target.value) }}
      />
      <button type="submit">Filter</button>
    </form>
  )
}
