import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { definitionsQuery, glanceQuery, type RunsFilter } from '../../api/queries'
import { paths, SINCE, splitReference } from '../../lib/paths'
import { RUN_MEANING, RUN_STATUSES } from '../../lib/status'
import { runCount } from '../../lib/system'

/** What the list is narrowed to. It stands in the URL, so that it can be shared and come back to. */
export function Filters(filter: RunsFilter) {
  return (
    <div className="filters">
      <StatusFilter {...filter} />
      <div className="filters-side">
        <SinceFilter {...filter} />
        <Search key={filter.definition ?? ''} {...filter} />
      </div>
    </div>
  )
}

function StatusFilter({ status, definition, since }: RunsFilter) {
  const summary = useQuery(glanceQuery).data
  return (
    <nav aria-label="Filter by status" className="chips">
      <Link to={paths.runs({ definition, since })} aria-current={status === undefined ? 'true' : undefined}>all</Link>
      {RUN_STATUSES.map((one) => {
        const count = runCount(summary, one)
        return (
          <Link key={one} to={paths.runs({ status: one, definition, since })} title={RUN_MEANING[one]} aria-current={status === one ? 'true' : undefined}>
            {one}{count !== undefined && count > 0 && <span className="fine"> {count.toLocaleString()}</span>}
          </Link>
        )
      })}
    </nav>
  )
}

function SinceFilter({ status, definition, since }: RunsFilter) {
  const navigate = useNavigate()
  return (
    <label>
      <span className="hidden">Started</span>
      <select value={since ?? ''} onChange={(event) => { void navigate(paths.runs({ status, definition, since: event.target.value })) }}>
        <option value="">any time</option>
        {Object.keys(SINCE).map((one) => <option key={one} value={one}>last {one}</option>)}
      </select>
    </label>
  )
}

/** Narrows to a definition, or goes to a run by its id. */
function Search({ status, definition, since }: RunsFilter) {
  const [text, setText] = useState(definition ?? '')
  const navigate = useNavigate()
  const known = useInfiniteQuery(definitionsQuery()).data?.pages.flatMap((page) => page.items) ?? []
  const names = [...new Set(known.flatMap((one) => [`${one.namespace}/${one.name}`, one.definition]))]
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        const wanted = text.trim()
        // A definition has a slash, which no id of a run has.
        void navigate(wanted === '' || wanted.includes('/') || splitReference(wanted) ? paths.runs({ status, definition: wanted, since }) : paths.run(wanted))
      }}
    >
      <label className="hidden" htmlFor="definition">Definition, or id of a run</label>
      <input
        id="definition"
        type="search"
        list="known-definitions"
        placeholder="definition, or run id"
        value={text}
        onChange={(event) => { setText(event.target.value) }}
      />
      <datalist id="known-definitions">{names.map((name) => <option key={name} value={name} />)}</datalist>
      <button type="submit">Find</button>
    </form>
  )
}
