import type { ReactNode } from 'react'

interface Props {
  /** What the table holds, for those who do not see it. */
  caption: string
  head: readonly ReactNode[]
  children: ReactNode
}

/** A table that scrolls by itself where the window is narrow. */
export function Table({ caption, head, children }: Props) {
  return (
    <div className="table" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption className="hidden">{caption}</caption>
        <thead>
          <tr>
            {head.map((name, index) => (
              <th key={index} scope="col">{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}

/** The way to the next page of a list. */
export function More({ has, busy, onMore, name = 'Show more' }: { has: boolean; busy: boolean; onMore: () => unknown; name?: string }) {
  if (!has) return null
  return (
    <p className="more">
      <button type="button" disabled={busy} onClick={() => { onMore() }}>
        {busy ? 'Loading …' : name}
      </button>
    </p>
  )
}

/** Names and values. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="facts">{children}</dl>
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
