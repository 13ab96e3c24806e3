import { useCallback, useMemo, useState } from 'react'
import { crack, layout, whyBroken, type Chart, type Piece, type Row, type Seam, type Task } from '../../lib/seam'
import { clock, duration, toMs } from '../../lib/time'
import { Card } from '../../ui/Page'
import { Empty } from '../../ui/States'
import { useNow } from '../../ui/Time'

const LABEL_WIDE = 184
const LABEL_NARROW = 96
const ROW = 40
const BAR = 20
const AXIS = 26
const PAD = 18
/** Rows that are drawn beyond those in sight. */
const SPARE = 6

interface Props {
  tasks: readonly Task[]
  over: boolean
  /** Key of the task whose details are open. */
  chosen: string | undefined
  /** Names that need a number beside them. */
  repeats: ReadonlySet<string>
  onChoose: (key: string) => void
}

/** The attempts of a run over time. A break is joined to its mend by a golden seam. */
export function Timeline({ tasks, over, chosen, repeats, onChoose }: Props) {
  const { ref, width, sight, onScroll } = useSight()
  const now = useNow(over ? undefined : 250)
  const label = width < 560 ? LABEL_NARROW : LABEL_WIDE
  const inner = Math.max(120, width - label - PAD)
  const chart = useMemo(() => layout(tasks, inner, now), [tasks, inner, now])
  if (tasks.length === 0) {
    return <Empty title="Nothing to draw yet"><p>The timeline begins with the first task that is given out to a worker.</p></Empty>
  }
  const first = Math.max(0, Math.floor(sight.top / ROW) - SPARE)
  const rows = chart.rows.slice(first, Math.ceil((sight.top + sight.height) / ROW) + SPARE)
  const end = Math.max(inner, ...rows.flatMap((row) => row.pieces.map((piece) => piece.x + piece.width)))
  return (
    <Card title="Timeline" aside={<Legend />}>
      <div className="chart" ref={ref} onScroll={onScroll}>
        <svg className="axis" width={label + end + PAD} height={AXIS} aria-hidden="true">
          <Axis chart={chart} label={label} />
        </svg>
        <div className="lanes" style={{ height: ROW * tasks.length, width: label + end + PAD }}>
          <svg style={{ top: first * ROW, left: label }} width={end + PAD} height={ROW * rows.length} role="img" aria-label="Attempts over time. The section “Tasks” has the same as a table.">
            {chart.idle.map((gap) => <rect key={gap.from} className="idle" x={gap.x} width={gap.width} y={0} height={ROW * rows.length}><title>{`nothing was at work for ${duration(gap.to - gap.from)}`}</title></rect>)}
            {chart.marks.map((mark) => <line key={mark.at} className="grid" x1={mark.x} x2={mark.x} y1={0} y2={ROW * rows.length} />)}
            {rows.map((row, index) => (
              <g key={row.task.key} transform={`translate(0,${index * ROW})`} onClick={() => { onChoose(row.task.key) }}>
                <Lane row={row} width={end + PAD} />
              </g>
            ))}
          </svg>
          {rows.map(({ task }, index) => (
            <button
              key={task.key}
              type="button"
              className="lane-name"
              style={{ top: (first + index) * ROW, width: label - 8, height: ROW }}
              aria-pressed={task.key === chosen}
              title={task.pointer}
              onClick={() => { onChoose(task.key) }}
            >
              <span>{task.name}{repeats.has(task.name) && <small> {task.number}</small>}</span>
            </button>
          ))}
        </div>
      </div>
    </Card>
  )
}

function Legend() {
  return (
    <span className="legend">
      <span><i className="swatch wait" aria-hidden="true" />waiting</span>
      <span><i className="swatch work" aria-hidden="true" />working</span>
      <span><i className="swatch done" aria-hidden="true" />done</span>
      <span><i className="swatch broken" aria-hidden="true" />broken</span>
      <span><i className="swatch gold" aria-hidden="true" />mended</span>
    </span>
  )
}

function Axis({ chart, label }: { chart: Chart; label: number }) {
  return (
    <g transform={`translate(${label},0)`}>
      {chart.marks.map(({ at, x }) => (
        <text key={at} x={x} y={AXIS - 9}>{at === chart.start ? clock(at) : `+${duration(at - chart.start)}`}</text>
      ))}
      {chart.idle.map((gap) => <text key={gap.from} className="cut" x={gap.x + gap.width / 2} y={AXIS - 9} textAnchor="middle">⋯</text>)}
    </g>
  )
}

function Lane({ row, width }: { row: Row; width: number }) {
  return (
    <>
      <rect className="hit" x={0} y={0} width={width} height={ROW} />
      <line className="lane" x1={0} x2={width} y1={ROW - 0.5} y2={ROW - 0.5} />
      <g transform={`translate(0,${(ROW - BAR) / 2})`}>
        {row.pieces.map((piece) => <Bar key={piece.attempt.epoch} piece={piece} name={row.task.name} />)}
        {row.seams.map((seam) => <Gold key={seam.mend.broken} seam={seam} />)}
      </g>
    </>
  )
}

function Bar({ piece, name }: { piece: Piece; name: string }) {
  const { attempt, x, width, startX } = piece
  const wait = startX === undefined ? (attempt.fate === 'open' && !attempt.worker ? width : 0) : startX - x
  const ended = toMs(attempt.endedAt)
  const began = toMs(attempt.dispatchedAt) ?? 0
  const what = `${name}, attempt ${attempt.epoch}: ${attempt.fate.replaceAll('_', ' ')}${piece.broken ? ` (${whyBroken(attempt)})` : ''}${attempt.worker ? `, ${attempt.worker}` : ''}, ${ended === undefined ? 'not over' : duration(ended - began)}`
  return (
    <g className={`bar fate-${attempt.fate}`}>
      <title>{what}</title>
      <rect className="wait" x={x} y={0} width={width} height={BAR} rx={3} />
      {width - wait > 0 && <rect className="work" x={x + wait} y={0} width={width - wait} height={BAR} rx={3} />}
      {width - wait > 20 && <text x={x + wait + 7} y={BAR / 2 + 4}>{attempt.epoch}</text>}
    </g>
  )
}

function Gold({ seam }: { seam: Seam }) {
  const { mend, from, to } = seam
  const time = mend.mended ? duration(mend.mended.ms) : ''
  const middle = (from + to) / 2
  return (
    <g className="seam">
      <title>{`${mend.name}: ${mend.why}. Mended by attempt ${mend.mended?.epoch ?? '?'} in ${time}`}</title>
      <rect className="hit" x={from - 4} y={-4} width={to - from + 8} height={BAR + 8} />
      <rect className="wash" x={from} y={3} width={to - from} height={BAR - 6} />
      <path className="glow" d={crack(from, to, BAR)} />
      <path className="gold" d={crack(from, to, BAR)} />
      {to - from > 64 && <text x={middle} y={-1} textAnchor="middle">{time}</text>}
    </g>
  )
}

/** The width of an element, and which part of it is in sight, also after it changed. */
function useSight() {
  const [width, setWidth] = useState(900)
  const [sight, setSight] = useState({ top: 0, height: 800 })
  // A function and no object: the element comes only with the first task.
  const ref = useCallback((element: HTMLDivElement) => {
    const observer = new ResizeObserver(([entry]) => {
      if (!entry) return
      setWidth(Math.floor(entry.contentRect.width))
      setSight({ top: element.scrollTop, height: element.clientHeight })
    })
    observer.observe(element)
    return () => { observer.disconnect() }
  }, [])
  const onScroll = (event: { currentTarget: HTMLElement }) => {
    setSight({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })
  }
  return { ref, width, sight, onScroll }
}
