import { expect, test } from 'vitest'
import { EventReader } from './sse'

test('events are read however the stream is cut', () => {
  const text = ': hello\n\nid: 7\nevent: step\ndata: {"a":\ndata: 1}\n\ndata: x\r\n\r\n'
  for (const size of [1, 3, 1000]) {
    const reader = new EventReader()
    const events = Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size)).flatMap((piece) => reader.push(piece))
    expect(events).toEqual([
      { id: '7', event: 'step', data: '{"a":\n1}' },
      { id: undefined, event: 'message', data: 'x' },
    ])
  }
})
