import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState, type ReactNode } from 'react'
import { setToken } from '../api/token'
import { asProblem } from '../lib/problem'

/** Asks for the access token when the gateway wants one. */
export function TokenGate({ children }: { children: ReactNode }) {
  const queries = useQueryClient()
  const [wanted, setWanted] = useState(false)
  const [text, setText] = useState('')
  useEffect(
    () =>
      queries.getQueryCache().subscribe(({ query }) => {
        if (query.state.error && asProblem(query.state.error).status === 401) setWanted(true)
      }),
    [queries],
  )
  if (!wanted) return children
  return (
    <form
      className="state"
      onSubmit={(event) => {
        event.preventDefault()
        setToken(text.trim())
        queries.clear()
        setWanted(false)
      }}
    >
      <h1>This engine wants a token</h1>
      <div className="field">
        <label htmlFor="token">Token of the gateway</label>
        <input id="token" type="password" autoComplete="off" value={text} onChange={(event) => { setText(event.target.value) }} />
        <p className="note">It is kept until this tab is closed.</p>
      </div>
      <button type="submit" className="primary" disabled={text.trim() === ''}>Enter</button>
    </form>
  )
}
