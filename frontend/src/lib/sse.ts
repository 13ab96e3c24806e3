/** Server-sent events, read from a stream of text. */

export interface ServerEvent {
  id: string | undefined
  event: string
  data: string
}

/** Takes pieces of a stream as they come, and gives the events that are whole. */
export class EventReader {
  private rest = ''

  push(piece: string): ServerEvent[] {
    const blocks = (this.rest + piece).replaceAll('\r\n', '\n').split('\n\n')
    this.rest = blocks.pop() ?? ''
    return blocks.flatMap(parse)
  }
}

function parse(block: string): ServerEvent[] {
  const event: ServerEvent = { id: undefined, event: 'message', data: '' }
  const data: string[] = []
  for (const line of block.split('\n')) {
    const [, field, value] = /^([^:]+):? ?(.*)$/.exec(line) ?? []
    if (field === 'id') event.id = value
    if (field === 'event' && value) event.event = value
    if (field === 'data') data.push(value ?? '')
  }
  return data.length === 0 ? [] : [{ ...event, data: data.join('\n') }]
}
