/**
 * A drawing as the dashboard takes it over: what the gateway sends is rebuilt element by element, and
 * only what stands on the lists below is. Whatever else a drawing held would be left out, unread.
 */

/** What is read of an element of a parsed document. */
export interface Source {
  readonly localName: string
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>
  readonly children: Iterable<Source>
  readonly textContent: string | null
}

/** An element that is drawn. */
export interface Shape {
  name: Name
  /** As React calls them. */
  attributes: Readonly<Record<string, string>>
  /** Of a title or a text; the others hold elements. */
  text: string
  children: readonly Shape[]
}

const NAMES = ['svg', 'g', 'rect', 'path', 'text', 'title'] as const
type Name = (typeof NAMES)[number]

const NUMBER = /^-?\d{1,7}$/
const CLASS = /^((role|way)-[a-z_]+|ground|group|node|way|name|label|row|hint|rule|line|head)$/

/** Each attribute that is taken over, and what its value must look like. */
const ATTRIBUTES: Readonly<Record<string, (value: string) => boolean>> = {
  viewBox: (value) => /^0 0 \d{1,7} \d{1,7}$/.test(value),
  width: (value) => NUMBER.test(value),
  height: (value) => NUMBER.test(value),
  x: (value) => NUMBER.test(value),
  y: (value) => NUMBER.test(value),
  rx: (value) => NUMBER.test(value),
  d: (value) => /^[MLhvlz\d,. -]*$/.test(value),
  class: (value) => value.split(' ').every((one) => CLASS.test(one)),
  // A text that nothing but this dashboard reads: which task a box is.
  'data-reference': () => true,
}

/** Deeper than any drawing is. */
const DEPTH_MAX = 6

function isName(name: string): name is Name {
  return (NAMES as readonly string[]).includes(name)
}

/** What may be drawn of an element; none: nothing. */
export function rebuilt(source: Source, depth = 0): Shape | undefined {
  if (!isName(source.localName) || depth > DEPTH_MAX) return undefined
  const attributes: Record<string, string> = {}
  for (const { name, value } of source.attributes) {
    if (Object.hasOwn(ATTRIBUTES, name) && ATTRIBUTES[name]?.(value)) attributes[name === 'class' ? 'className' : name] = value
  }
  const isText = source.localName === 'text' || source.localName === 'title'
  return {
    name: source.localName,
    attributes,
    text: isText ? (source.textContent ?? '') : '',
    children: isText ? [] : [...source.children].flatMap((child) => rebuilt(child, depth + 1) ?? []),
  }
}

/** Where the box of a node is. */
export function boxOf(node: Shape): { x: number; y: number; width: number; height: number } | undefined {
  const rect = node.children.find(({ name }) => name === 'rect')?.attributes
  return rect && { x: Number(rect['x'] ?? 0), y: Number(rect['y'] ?? 0), width: Number(rect['width'] ?? 0), height: Number(rect['height'] ?? 0) }
}
