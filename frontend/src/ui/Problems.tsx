import { asProblem, type DocumentProblem } from '../lib/problem'
import { Copy } from './Copy'

/** Everything that is wrong with a document; `onGo` takes the writer to a place. */
export function Problems({ error, onGo }: { error: unknown; onGo?: ((problem: DocumentProblem) => void) | undefined }) {
  const problem = asProblem(error)
  return (
    <div className="state failure left" role="alert">
      <h2>{problem.title}</h2>
      {problem.detail && <p>{problem.detail}</p>}
      {problem.problems && <ProblemList problems={problem.problems} onGo={onGo} />}
      {problem.trace_id && (
        <p className="fine">
          Trace <Copy text={problem.trace_id} what="trace id" />
        </p>
      )}
    </div>
  )
}

interface ListProps {
  problems: readonly DocumentProblem[]
  onGo?: ((problem: DocumentProblem) => void) | undefined
}

export function ProblemList({ problems, onGo }: ListProps) {
  return (
    <ol className="problems">
      {problems.map((one, index) => (
        <li key={index}>
          {one.line > 0 && (
            <button type="button" className="quiet" onClick={() => onGo?.(one)} disabled={!onGo}>
              {one.line}:{one.column}
            </button>
          )}
          <div>
            <Prose text={one.message} /> <code>{one.code}</code>
            {one.hint && <div className="fine"><Prose text={one.hint} /></div>}
          </div>
        </li>
      ))}
    </ol>
  )
}

/** A sentence in which `words` stand for themselves. */
function Prose({ text }: { text: string }) {
  return text.split(/`([^`]+)`/).map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))
}
