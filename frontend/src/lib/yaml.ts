/** Colours for a line of YAML. It reads what people write in definitions, and makes no claim beyond. */

export interface Part {
  text: string
  kind?: 'key' | 'string' | 'atom' | 'comment' | 'expression'
}

const PART = /(^\s*(?:- )*)([^\s#'"{[&*!|>%@`-][^:#]*|[\w./$~-]+|"[^"]*"|'[^']*')(:)(?=\s|$)|(#.*$)|("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|(\$\{[^}]*\}?)|(?<=[\s,[{:]|^)(-?\d[\w.]*|true|false|null|~)(?=[\s,\]}]|$)/g

/** The parts of a line, which together are the line. */
export function yamlParts(line: string): Part[] {
  const parts: Part[] = []
  const add = (text: string | undefined, kind?: Part['kind']) => {
    if (text) parts.push(kind ? { text, kind } : { text })
  }
  let end = 0
  for (const match of line.matchAll(PART)) {
    // A `#` within a word begins no comment.
    if (match[4] && match.index > 0 && !/\s/.test(line[match.index - 1] ?? '')) continue
    add(line.slice(end, match.index))
    end = match.index + match[0].length
    const [, indent, key, colon, comment, string, expression, atom] = match
    if (key !== undefined) {
      add(indent)
      add(key, 'key')
      add(colon)
    } else add(match[0], comment ? 'comment' : string ? (string.includes('${') ? 'expression' : 'string') : expression ? 'expression' : atom ? 'atom' : undefined)
  }
  add(line.slice(end))
  return parts
}

/** Where a line and a column are in a text. */
export function offset(text: string, line: number, column: number): number {
  const lines = text.split('\n').slice(0, Math.max(0, line - 1))
  return lines.reduce((sum, one) => sum + one.length + 1, 0) + Math.max(0, column - 1)
}
