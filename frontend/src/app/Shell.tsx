import { NavLink, Outlet, useLocation } from 'react-router'
import { paths } from '../lib/paths'
import { Bowl } from '../ui/States'
import { Boundary } from './Boundary'
import { TokenGate } from './TokenGate'

const PAGES: readonly [string, string][] = [
  [paths.runs(), 'Runs'],
  [paths.start(), 'Start'],
  [paths.definitions(), 'Definitions'],
  [paths.deadLetters(), 'Dead letters'],
  [paths.workers(), 'Workers'],
  [paths.system(), 'System'],
]

/** What surrounds every page. */
export function Shell() {
  const { pathname } = useLocation()
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
            <NavLink key={to} to={to} end={to === paths.runs()} className={({ isActive }) => (isActive || (to === paths.runs() && pathname.startsWith('/runs/')) ? 'active' : '')}>{name}</NavLink>
          ))}
          <a href="/docs">API</a>
        </nav>
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
