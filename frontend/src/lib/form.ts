/** A JSON Schema as a form: what of it can be asked in fields. */

export interface Field {
  name: string
  kind: 'text' | 'long' | 'number' | 'integer' | 'yes-no' | 'choice'
  label: string
  note: string | undefined
  required: boolean
  /** Of a choice, as JSON. */
  options: readonly string[]
}

type Bag = Readonly<Record<string, unknown>>

/** More fields are asked as JSON. */
const FIELDS_MAX = 30
/** A text that may be longer gets room. */
const LINE_MAX = 120

function isBag(value: unknown): value is Bag {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined)

function kindOf(schema: Bag): Field['kind'] | undefined {
  if (Array.isArray(schema.enum)) return 'choice'
  switch (schema.type) {
    case 'string':
      return typeof schema.maxLength === 'number' && schema.maxLength > LINE_MAX ? 'long' : 'text'
    case 'number':
      return 'number'
    case 'integer':
      return 'integer'
    case 'boolean':
      return 'yes-no'
    default:
      return undefined
  }
}

function field(name: string, schema: unknown, required: boolean): Field | undefined {
  if (!isBag(schema)) return undefined
  const kind = kindOf(schema)
  if (!kind) return undefined
  const options = Array.isArray(schema.enum) ? schema.enum.map((one) => JSON.stringify(one)) : []
  return { name, kind, label: text(schema.title) ?? name, note: text(schema.description), required, options }
}

/** The fields of an object of plain values; none: what the schema asks for is written as JSON. */
export function fields(schema: unknown): readonly Field[] | undefined {
  if (!isBag(schema) || !isBag(schema.properties) || (schema.type !== undefined && schema.type !== 'object')) return undefined
  const required = Array.isArray(schema.required) ? schema.required : []
  const all = Object.entries(schema.properties).map(([name, one]) => field(name, one, required.includes(name)))
  const known = all.filter((one) => one !== undefined)
  // What is needed and has no field could not be given.
  const given = new Set(known.map((one) => one.name))
  if (known.length !== all.length || known.length === 0 || known.length > FIELDS_MAX || !required.every((name) => given.has(String(name)))) return undefined
  // The engine keeps no order of keys: what is needed comes first.
  return [...known.filter((one) => one.required), ...known.filter((one) => !one.required)]
}

/** What was given as one JSON text; what was left out and need not be there is absent. */
export function answerOf(all: readonly Field[], values: Readonly<Record<string, string>>): string {
  const parts = all.flatMap((one) => {
    const value = values[one.name] ?? ''
    const isText = one.kind === 'text' || one.kind === 'long'
    if (value === '' && !(isText && one.required)) return []
    // Numbers stand as they were written, so that they keep their digits.
    return [`${JSON.stringify(one.name)}:${isText ? JSON.stringify(value) : value.trim()}`]
  })
  return `{${parts.join(',')}}`
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const INTEGER = /^-?(?:0|[1-9]\d*)$/

/** Why a value is not taken; none: it is. */
export function refusal(one: Field, value: string): string | undefined {
  if (value === '') return one.required && one.kind !== 'text' && one.kind !== 'long' ? 'This is needed.' : undefined
  if (one.kind === 'number' && !NUMBER.test(value.trim())) return 'Write a number, such as 12.5.'
  if (one.kind === 'integer' && !INTEGER.test(value.trim())) return 'Write a whole number.'
  return undefined
}
