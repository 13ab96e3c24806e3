import { useQuery } from '@tanstack/react-query'
import { drawingQuery } from '../../api/queries'
import type { Definition } from '../../api/types'
import { Picture } from '../../ui/Picture'
import { Answer } from '../../ui/States'

/** A definition as a picture. */
export function Drawing({ of }: { of: Definition }) {
  const drawing = useQuery(drawingQuery(of.namespace, of.name, of.version))
  return (
    <section className="card drawing" aria-label="Drawing" tabIndex={0}>
      <Answer of={drawing} what="the drawing">
        {(svg) => <Picture svg={svg} label={`The tasks of ${of.definition} and the ways between them; its source, below, says the same in text`} />}
      </Answer>
    </section>
  )
}
