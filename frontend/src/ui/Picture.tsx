import { createElement, memo, useMemo, type ReactNode } from 'react'
import { Link } from 'react-router'
import { boxOf, rebuilt, type Shape } from '../lib/picture'
import { crack } from '../lib/seam'
import type { Tone } from '../lib/status'

/** What a task of a drawing is marked with. */
export interface Mark {
  /** None: its box looks as in a drawing of the definition alone. */
  tone: Tone | undefined
  /** On its box, in a word or two; none with no tone. */
  chip: string
  /** The same for people who do not see it, and for a pointer that rests on it. */
  text: string
  /** A break of it was mended: its box is joined with gold. */
  mended: boolean
  /** Where there is more about it. */
  to: string | undefined
}

interface Props {
  /** As the gateway drew it. */
  svg: string
  label: string
  marks?: ReadonlyMap<string, Mark>
}

const NONE: ReadonlyMap<string, Mark> = new Map()

/**
 * The elements of a drawing; none: it is no drawing. Read without its namespace, they are names and
 * nothing else to the browser: no style is looked at, which the content security policy would complain of.
 */
export function useShape(svg: string): Shape | undefined {
  return useMemo(() => {
    const root = new DOMParser().parseFromString(svg.replace(' xmlns="http://www.w3.org/2000/svg"', ''), 'application/xml').documentElement
    return root.localName === 'svg' ? rebuilt(root) : undefined
  }, [svg])
}

/** The references of the tasks in a drawing, from the top down. */
export function referencesOf(shape: Shape | undefined): string[] {
  return shape?.children.flatMap(({ attributes }) => attributes['data-reference'] ?? []) ?? []
}

/** A drawing of the gateway's, in the dashboard's own colours. */
export function Picture({ svg, label, marks = NONE }: Props) {
  const shape = useShape(svg)
  if (!shape) return <p className="none">The drawing cannot be shown.</p>
  const { viewBox, width, height } = shape.attributes
  const isNode = (child: Shape) => child.attributes['data-reference'] !== undefined
  // An image holds nothing that can be pressed; with links it is a group of what it shows.
  const role = [...marks.values()].some(({ to }) => to !== undefined) ? 'group' : 'img'
  return (
    <svg role={role} aria-label={label} viewBox={viewBox} width={width} height={height}>
      <Still shape={shape} />
      {shape.children.filter(isNode).map((node, index) => <Node key={index} shape={node} {...marks.get(node.attributes['data-reference'] ?? '')} />)}
    </svg>
  )
}

/** What never changes: groups, ways, and nodes that are no tasks. The title of the whole is its label. */
const Still = memo(function Still({ shape }: { shape: Shape }) {
  return <>{shape.children.filter(({ name, attributes }) => name !== 'title' && attributes['data-reference'] === undefined).map((child, index) => element(child, index))}</>
})

function element({ name, attributes, text, children }: Shape, key: number): ReactNode {
  return createElement(name, { key, ...attributes }, ...(text === '' ? children.map(element) : [text]))
}

/** By its fields and not as one object, so that a task of which nothing is new is not drawn anew. */
const Node = memo(function Node({ shape, tone, chip, text, mended, to }: { shape: Shape } & Partial<Mark>) {
  const { className, ...attributes } = shape.attributes
  const name = shape.children.find((child) => child.attributes['className'] === 'name')?.text ?? ''
  const title = shape.children.find((child) => child.name === 'title')?.text ?? name
  const said = text === undefined ? title : `${title}. ${text}`
  const box = boxOf(shape)
  const drawn = (
    <>
      <title>{said}</title>
      {shape.children.filter((child) => child.name !== 'title').map(element)}
      {box && mended && <path className="joint" d={crack(box.x + 6, box.x + 6, box.height)} transform={`translate(0,${box.y})`} />}
      {box && tone && <Chip box={box} text={chip ?? ''} />}
    </>
  )
  return (
    <g {...attributes} className={[className, tone && `marked tone-${tone}`, mended && 'mended'].filter(Boolean).join(' ')}>
      {to === undefined ? drawn : <Link to={to}>{drawn}</Link>}
    </g>
  )
})

/** How high a chip is, and how wide a character of it, both in pixels. */
const CHIP = 15
const CHARACTER = 6.4

/** On the upper edge of a box, right of where a way comes in. */
function Chip({ box, text }: { box: { x: number; y: number; width: number }; text: string }) {
  const width = text.length * CHARACTER + 12
  const x = Math.max(box.x + box.width - width + 8, box.x + box.width / 2 + 8)
  return (
    <g className="chip" aria-hidden="true">
      <rect x={x} y={box.y - 9} width={width} height={CHIP} rx={CHIP / 2} />
      <text x={x + width / 2} y={box.y + 2}>{text}</text>
    </g>
  )
}
