import { useQuery } from '@tanstack/react-query'
import { NavLink, Outlet, useLocation } from 'react-router'
import { glanceQuery } from '../api/queries'
import { paths } from '../lib/paths'
import { count } from '../lib/system'
import { Bowl } from '../ui/States'
import { Boundary } from './Boundary'
import { EngineState } from './EngineState'
import { ThemeButton } from './Theme'
import { TokenGate } from './TokenGate'

const PAGES: readonly [string, string][] = [
  [paths.runs(), 'Runs'],
  [paths.start(), 'Start'],
  [paths.definitions(), 'Definitions'],
  [paths.inbox(), 'Inbox'],
  [paths.deadLetters(), 'Dead letters'],
  [paths.recoveries(), 'Recoveries'],
  [paths.workers(), 'Workers'],
  [paths.system(), 'System'],
]

/** What surrounds every page. */
export function Shell() {
  const { pathname } = useLocation()
  const glance = useQuery(glanceQuery).data
  const open: Readonly<Record<string, number>> = { [paths.deadLetters()]: count(glance, 'dead_letters_open'), [paths.inbox()]: count(glance, 'human_tasks_open') }
  const isRuns = pathname === '/' || pathname.startsWith('/runs/')
  return (
    <>
      <a className="skip" href="#page">Skip to the page</a>
      <header className="top">
        <NavLink to={paths.runs()} className="brand" end>
          <Bowl />
          Kintsugi
        </NavLink>
        <nav aria-label="Pages">
          {PAGES.map(([to, name]) => (
            <NavLink key={to} to={to} end={to === paths.runs()} className={({ isActive }) => (isActive || (to === paths.runs() && isRuns) ? 'active' : '')}>
              {name}
              <Count of={open[to] ?? 0} />
            </NavLink>
          ))}
        </nav>
        <div className="aside">
          <EngineState />
          <a href="/docs">API</a>
          <ThemeButton />
        </div>
      </header>
      <main id="page" tabIndex={-1}>
        <TokenGate>
          <Boundary key={pathname}>
            <Outlet />
          </Boundary>
        </TokenGate>
      </main>
    </>
  )
}

/** How many are open, where any are. */
function Count({ of }: { of: number }) {
  return of > 0 && <span className="count" aria-label={`, ${of} open`}>{of > 999 ? '999+' : of}</span>
}
