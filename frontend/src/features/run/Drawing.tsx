import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo, type ReactNode } from 'react'
import { Link } from 'react-router'
import { drawingQuery, historyQuery, type Entry } from '../../api/queries'
import type { Run, Task } from '../../api/types'
import { stepsOf } from '../../lib/history'
import { paths, splitReference } from '../../lib/paths'
import { branches, rounds, standings, type Standing, type State } from '../../lib/standing'
import { Card } from '../../ui/Page'
import { Picture, referencesOf, useShape, type Mark } from '../../ui/Picture'
import { Answer } from '../../ui/States'
import { More } from '../../ui/Table'
import { known, STATE_TONE } from './model'

/** On a box, and in the sentence that says the same. */
const WORDS: Record<State, [string, string]> = {
  dead: ['dead letter', 'A dead letter, which waits to be redriven'],
  running: ['running', 'Running'],
  retrying: ['retrying', 'Tried again after a pause'],
  waiting: ['waiting', 'Waiting'],
  done: ['done', 'Done'],
  failed: ['failed', 'Failed'],
  stopped: ['stopped', 'No longer wanted'],
  skipped: ['skipped', 'Skipped: its condition did not hold'],
}

/** The drawing of a run's definition, with how each task stands in it. */
export function Drawing({ run, tasks, older }: { run: Run; tasks: readonly Task[]; older: ReactNode }) {
  const { namespace, name, version } = splitReference(run.definition) ?? { namespace: '-', name: '-', version: '-' }
  const drawing = useQuery(drawingQuery(namespace, name, version))
  return (
    <Card title="Drawing" aside={<Legend />}>
      <Answer of={drawing} what="the drawing">{(svg) => <Drawn run={run} tasks={tasks} svg={svg} older={older} />}</Answer>
    </Card>
  )
}

function Drawn({ run, tasks, svg, older }: { run: Run; tasks: readonly Task[]; svg: string; older: ReactNode }) {
  const { entries, whole, more } = useEntries(run)
  const shape = useShape(svg)
  const references = useMemo(() => referencesOf(shape), [shape])
  const all = useMemo(() => standings(stepsOf(entries), tasks.map(known)), [entries, tasks])
  const marks = useMemo(() => marked(run.id, references, all, tasks, whole), [run.id, references, all, tasks, whole])
  return (
    <>
      <div className="drawing" role="region" aria-label="The drawing" tabIndex={0}>
        <Picture svg={svg} label={`${run.definition}: ${summary(references, all)}`} marks={marks} />
      </div>
      <p className="fine">
        {summary(references, all)}. A task that a worker does leads to its place among <Link to={paths.run(run.id, 'tasks')}>the tasks</Link>.
        {(!whole || run.tasks_truncated) && ' The run is long, and not all of it was read for this: counts are of what was read.'}
      </p>
      {more}
      {older}
    </>
  )
}

/** The history from both ends: what came first, and what happens now. */
function useEntries(run: Run): { entries: readonly Entry[]; whole: boolean; more: ReactNode } {
  const newest = useInfiniteQuery(historyQuery(run.id, 'newest'))
  const oldest = useInfiniteQuery({ ...historyQuery(run.id, 'oldest'), enabled: newest.hasNextPage })
  const [late, early] = [newest.data?.pages, newest.hasNextPage ? oldest.data?.pages : undefined]
  const entries = useMemo(() => {
    const all = [...(late ?? []), ...(early ?? [])].flatMap(({ items }) => items)
    return [...new Map(all.map((entry) => [entry.seq, entry])).values()].sort((a, b) => a.seq - b.seq)
  }, [late, early])
  const whole = entries.every(({ seq }, index) => seq === index + 1)
  const more = <More has={newest.hasNextPage && !whole} busy={newest.isFetchingNextPage} onMore={newest.fetchNextPage} name="Read more of the history" />
  return { entries, whole, more }
}

function marked(run: string, references: readonly string[], all: ReadonlyMap<string, Standing>, tasks: readonly Task[], whole: boolean): ReadonlyMap<string, Mark> {
  const [loops, forks] = [rounds(all), branches(references, all)]
  const mark = (reference: string): Mark => {
    const standing = all.get(reference)
    if (!standing) return { tone: undefined, chip: '', text: whole ? 'Not yet' : 'Nothing of it was read', mended: false, to: undefined }
    const own = tasks.filter(({ pointer }) => pointer === reference)
    return {
      tone: STATE_TONE[standing.state],
      chip: chip(standing, loops.get(reference), forks.get(reference)),
      text: told(standing),
      mended: standing.mends > 0,
      to: own.length === 0 ? undefined : paths.run(run, 'tasks', { at: reference, task: own.length === 1 ? own[0]?.task : undefined }),
    }
  }
  return new Map(references.map((reference) => [reference, mark(reference)]))
}

function chip({ state, begun, done, mends }: Standing, loops = 0, fork = { done: 0, all: 0 }): string {
  if (begun > 1) return `${done.toLocaleString()}/${begun.toLocaleString()} ${state === 'dead' ? WORDS.dead[0] : 'done'}`
  if (loops > 1) return `${loops.toLocaleString()} rounds`
  if (fork.all > 0 && state === 'running') return `${fork.done}/${fork.all} done`
  return mends > 0 && state === 'done' ? 'mended' : WORDS[state][0]
}

function told({ state, begun, done, failed, skipped, mends }: Standing): string {
  const counts = begun > 1 ? [`begun ${begun.toLocaleString()} times`, `${done.toLocaleString()} done`, ...(failed > 0 ? [`${failed.toLocaleString()} failed`] : [])] : []
  const more = [...counts, ...(skipped > 0 && begun > 0 ? [`skipped ${skipped.toLocaleString()} times`] : []), ...(mends > 0 ? [mends === 1 ? 'mended once' : `mended ${mends.toLocaleString()} times`] : [])]
  return [WORDS[state][1], ...more].join(', ')
}

/** How many tasks of the drawing stand how, in words. */
function summary(references: readonly string[], all: ReadonlyMap<string, Standing>): string {
  const found = references.flatMap((reference) => all.get(reference) ?? [])
  const count = (state: State) => found.filter((one) => one.state === state).length
  const parts = (Object.keys(WORDS) as State[]).filter((state) => count(state) > 0).map((state) => `${count(state)} ${WORDS[state][0]}`)
  const mended = found.filter(({ mends }) => mends > 0).length
  return [`${references.length} tasks`, ...parts, ...(found.length < references.length ? [`${references.length - found.length} not yet`] : []), ...(mended > 0 ? [`${mended} mended`] : [])].join(', ')
}

function Legend() {
  return (
    <span className="legend">
      <span><i className="swatch none" aria-hidden="true" />not yet</span>
      <span><i className="swatch tone tone-hold" aria-hidden="true" />waiting, retrying</span>
      <span><i className="swatch tone tone-live" aria-hidden="true" />running</span>
      <span><i className="swatch tone tone-good" aria-hidden="true" />done</span>
      <span><i className="swatch tone tone-bad" aria-hidden="true" />failed</span>
      <span><i className="swatch tone tone-quiet" aria-hidden="true" />skipped, stopped</span>
      <span><i className="swatch gold" aria-hidden="true" />mended</span>
    </span>
  )
}
