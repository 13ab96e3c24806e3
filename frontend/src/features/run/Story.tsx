import type { Sentence } from '../../lib/history'
import { Time } from '../../ui/Time'

/** Sentences, each with its time. `live`: what comes is read out. */
export function Story({ sentences, live = false }: { sentences: readonly Sentence[]; live?: boolean }) {
  return (
    <ol className="story" aria-live={live ? 'polite' : undefined} aria-relevant="additions">
      {sentences.map((sentence) => (
        <li key={sentence.key} className={`tone-${sentence.tone}`}>
          <Time at={sentence.at} exact />
          <i className="dot" aria-hidden="true" />
          <span>{sentence.text}</span>
        </li>
      ))}
    </ol>
  )
}
