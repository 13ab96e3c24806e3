import { useQuery } from '@tanstack/react-query'
import { drawingQuery } from '../../api/queries'
import type { Definition } from '../../api/types'
import { Answer } from '../../ui/States'

/** A definition as a picture. As an image it can run nothing, whatever its names are. */
export function Drawing({ of }: { of: Definition }) {
  const drawing = useQuery(drawingQuery(of.namespace, of.name, of.version))
  return (
    <section className="card drawing" aria-label="Drawing" tabIndex={0}>
      <Answer of={drawing} what="the drawing">
        {(svg) => <img src={`data:image/svg+xml,${encodeURIComponent(svg)}`} alt={`The tasks of ${of.definition} and the ways between them; its source, below, says the same in text`} />}
      </Answer>
    </section>
  )
}
