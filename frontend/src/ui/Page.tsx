import { useEffect, type ReactNode } from 'react'

interface Props {
  title: string
  /** Before the heading, such as the way back. */
  above?: ReactNode
  /** What the page is, in a sentence. */
  lead?: ReactNode
  actions?: ReactNode
  children: ReactNode
}

/** The frame of every page: one heading, which names the window too. */
export function Page({ title, above, lead, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Kintsugi`
  }, [title])
  return (
    <>
      <header className="page-head">
        <div>
          {above && <div className="above">{above}</div>}
          <h1>{title}</h1>
          {lead && <div className="lead">{lead}</div>}
        </div>
        {actions && <div className="actions">{actions}</div>}
      </header>
      {children}
    </>
  )
}

export function Card({ title, aside, children }: { title?: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      {title && (
        <header>
          <h2>{title}</h2>
          {aside && <div className="aside">{aside}</div>}
        </header>
      )}
      {children}
    </section>
  )
}
