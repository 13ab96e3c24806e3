import { useCallback, useState } from 'react'
import { crack, layout, whyBroken, type Chart, type Piece, type Row, type Seam, type Task } from '../../lib/seam'
import { clock, duration, ticks, toMs } from '../../lib/time'
import { Card } from '../../ui/Page'
import { Empty } from '../../ui/States'
import { useNow } from '../../ui/Time'

const LABEL_WIDE = 168
const LABEL_NARROW = 92
/** The clock at the left end of the axis needs so much before the next mark. */
const CLOCK = 96
const ROW = 40
const BAR = 20
const AXIS = 28
const PAD = 18
/** More rows than this are shown on demand. */
const ROWS_MAX = 150

/** The attempts of a run over time. A break is joined to its mend by a golden seam. */
export function Timeline({ tasks, over }: { tasks: readonly Task[]; over: boolean }) {
  const [all, setAll] = useState(false)
  const { ref, width } = useWidth()
  const now = useNow(over ? undefined : 250)
  const shown = all ? tasks : tasks.slice(0, ROWS_MAX)
  const label = width < 560 ? LABEL_NARROW : LABEL_WIDE
  const inner = Math.max(120, width - label - PAD)
  const chart = layout(shown, inner, now)
  const end = Math.max(inner, ...chart.rows.flatMap((row) => row.pieces.map((piece) => piece.x + piece.width)))
  if (tasks.length === 0) {
    return <Empty title="Nothing to draw yet"><p>The timeline begins with the first task that is given out to a worker.</p></Empty>
  }
  return (
    <Card title="Timeline" aside={<Legend />}>
      <div className="chart" ref={ref}>
        <svg width={label + end + PAD} height={AXIS + ROW * chart.rows.length + 4} role="img" aria-label="Attempts over time. The tasks section has the same as a table.">
          <Axis chart={chart} width={inner} label={label} />
          {chart.rows.map((row, index) => (
            <g key={row.task.key} transform={`translate(0,${AXIS + index * ROW})`}>
              <Lane row={row} width={label + end + PAD} label={label} />
            </g>
          ))}
        </svg>
      </div>
      {shown.length < tasks.length && (
        <button type="button" onClick={() => { setAll(true) }}>Show all {tasks.length} tasks</button>
      )}
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

function Axis({ chart, width, label }: { chart: Chart; width: number; label: number }) {
  return (
    <g className="axis" transform={`translate(${label},0)`}>
      {ticks(chart.span, Math.max(2, Math.floor(width / 110))).map((at) => {
        const x = (at / chart.span) * width
        return (
          <g key={at}>
            <line x1={x} x2={x} y1={AXIS - 6} y2={AXIS + ROW * chart.rows.length} />
            {(at === 0 || (x >= CLOCK && x <= width - 24)) && <text x={x} y={AXIS - 11}>{at === 0 ? clock(chart.start) : `+${duration(at)}`}</text>}
          </g>
        )
      })}
    </g>
  )
}

function Lane({ row, width, label }: { row: Row; width: number; label: number }) {
  const room = Math.floor(label / 8)
  const name = row.task.name.length > room ? `${row.task.name.slice(0, room - 1)}…` : row.task.name
  return (
    <>
      <line className="lane" x1={0} x2={width} y1={ROW} y2={ROW} />
      <text className="name" x={0} y={ROW / 2 + 4}><title>{row.task.pointer}</title>{name}</text>
      <g transform={`translate(${label},${(ROW - BAR) / 2})`}>
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
      {width > 26 && <text x={x + wait + 7} y={BAR / 2 + 4}>{attempt.epoch}</text>}
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

/** The width that an element has, also after it changed. */
function useWidth() {
  const [width, setWidth] = useState(900)
  // A function and no object: the element comes only with the first task.
  const ref = useCallback((element: HTMLDivElement) => {
    const observer = new ResizeObserver(([entry]) => { if (entry) setWidth(Math.floor(entry.contentRect.width)) })
    observer.observe(element)
    return () => { observer.disconnect() }
  }, [])
  return { ref, width }
}
