import { expect, test } from 'vitest'
import { boxOf, rebuilt, type Source } from './picture'

/** An element as a parser gives it: the browser's own parser is met in the end-to-end checks. */
const element = (localName: string, attributes: Record<string, string> = {}, children: Source[] = [], textContent = ''): Source => ({
  localName,
  attributes: Object.entries(attributes).map(([name, value]) => ({ name, value })),
  children,
  textContent,
})

test('what a drawing consists of is taken over', () => {
  const box = element('g', { class: 'node role-call', 'data-reference': '/do/0/charge' }, [
    element('title', {}, [], 'charge: call simulate'),
    element('rect', { x: '-14', y: '40', width: '120', height: '44', rx: '5' }),
    element('text', { class: 'name', x: '26', y: '59' }, [], 'charge'),
    element('path', { class: 'head', d: 'M10,20l-4,-7h8z' }),
  ])
  const picture = rebuilt(element('svg', { viewBox: '0 0 480 1458', width: '480', height: '1458' }, [box]))
  expect(picture?.attributes).toEqual({ viewBox: '0 0 480 1458', width: '480', height: '1458' })
  const node = picture?.children[0]
  expect(node?.attributes).toEqual({ className: 'node role-call', 'data-reference': '/do/0/charge' })
  expect(node?.children.map(({ name, text }) => [name, text])).toEqual([['title', 'charge: call simulate'], ['rect', ''], ['text', 'charge'], ['path', '']])
  expect(node?.children[3]?.attributes['d']).toBe('M10,20l-4,-7h8z')
  expect(node && boxOf(node)).toEqual({ x: -14, y: 40, width: 120, height: 44 })
})

test('an element that is not on the list is dropped with all that is in it', () => {
  for (const name of ['script', 'style', 'foreignObject', 'a', 'use', 'image', 'animate', 'set', 'iframe', 'SVG', 'constructor']) {
    expect(rebuilt(element(name, {}, [element('rect')])), name).toBeUndefined()
    expect(rebuilt(element('svg', {}, [element('g', {}, [element(name, {}, [element('rect')])])]))?.children[0]?.children, name).toEqual([])
  }
})

test('an attribute that is not on the list is dropped', () => {
  const hostile = { onload: 'alert(1)', onclick: 'alert(1)', style: 'fill:red', href: 'javascript:alert(1)', 'xlink:href': '#x', id: 'root', fill: 'url(//elsewhere)', transform: 'scale(9)', role: 'alert', dangerouslySetInnerHTML: 'x', ref: 'x', key: 'x', constructor: 'x' }
  expect(rebuilt(element('rect', hostile))?.attributes).toEqual({})
})

test('a value that is not what its attribute holds is dropped', () => {
  const odd = { x: '1e9', y: 'calc(1px)', width: '100%', height: '99999999', rx: '', d: 'M0,0 url(#x)', viewBox: '0 0 -1 5', class: 'node hidden' }
  expect(rebuilt(element('rect', odd))?.attributes).toEqual({})
})

test('elements within a text are its text', () => {
  const text = rebuilt(element('text', {}, [element('script')], 'a'))
  expect(text).toEqual({ name: 'text', attributes: {}, text: 'a', children: [] })
})

test('what is nested without end is cut', () => {
  let deep = element('rect')
  for (let depth = 0; depth < 5_000; depth += 1) deep = element('g', {}, [deep])
  let [levels, at] = [0, rebuilt(deep)]
  while (at) [levels, at] = [levels + 1, at.children[0]]
  expect(levels).toBe(7)
})
