/** The dashboard's own requests, as they are made from a shell. */

/** `text` as one word of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function compact(input: string): string {
  // Digits stay as they are written: only what separates is taken out, where there is no string.
  return input.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, (_, text: string | undefined) => text ?? '')
}

/** Ways to start a run of `definition` with a JSON text as its input. */
export function snippets(origin: string, definition: string, input: string): { name: string; text: string }[] {
  const body = `{"definition":${JSON.stringify(definition)},"input":${compact(input)}}`
  const all = [{ name: 'curl', text: `curl ${quoted(`${origin}/v1/runs`)} --json ${quoted(body)}` }]
  const [, namespace, name, version] = /^([\w-]+)\/([\w-]+)(?::(.+))?$/.exec(definition) ?? []
  if (namespace && name) {
    const wanted = version ? ` -H ${quoted(`Kintsugi-Version:${version}`)}` : ''
    all.push({ name: 'nats', text: `nats req kintsugi.api.start.${namespace}.${name} ${quoted(compact(input))}${wanted}` })
  }
  return all
}
