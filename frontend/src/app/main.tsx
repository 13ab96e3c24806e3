import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router'
import { asProblem } from '../lib/problem'
import { App } from './App'
import { applyTheme } from './Theme'
import './base.css'
import './parts.css'
import './chart.css'
import './drawing.css'

const queries = new QueryClient({
  defaultOptions: {
    // A browser that thinks it is offline reaches an engine on its own machine all the same.
    mutations: { networkMode: 'always' },
    queries: {
      networkMode: 'always',
      staleTime: 1_000,
      // A refusal stays one; an engine that is away comes back.
      retry: (count, error) => asProblem(error).status >= 500 && count < 2,
    },
  },
})

applyTheme()
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <BrowserRouter>
        <App />
      </BrowserRouter>
    </QueryClientProvider>
  </StrictMode>,
)
