// A stand-in for the gateway, to work on the dashboard without an engine: it plays the sample
// workflow with the timing of a real one. It is never part of the product.
//
//   node e2e/fixture.mjs [PORT]      serves dist/ and a small /v1
import { readFileSync, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { Engine } from './fixture-engine.mjs'

const dist = new URL('../dist/', import.meta.url).pathname
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

const engine = new Engine()

function json(response, status, value) {
  const type = status >= 400 ? 'application/problem+json' : 'application/json'
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(value))
}
function problem(response, status, code, title, more = {}) {
  json(response, status, { type: `urn:kintsugi:problem:${code}`, title, status, code, trace_id: TRACE, ...more })
}
async function body(request) {
  let text = ''
  for await (const piece of request) text += piece
  return text
}

function page(items, url) {
  const limit = Number(url.searchParams.get('limit') ?? 50)
  const from = Number(url.searchParams.get('cursor') ?? 0)
  const next = from + limit < items.length ? { next: String(from + limit) } : {}
  return { items: items.slice(from, from + limit), ...next }
}

function stream(request, response, listen) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.write(': hello\n\n')
  const stop = listen((id, data) => response.write(`id: ${id}\ndata: ${JSON.stringify(data)}\n\n`))
  request.on('close', stop)
}

function define(source, response) {
  if (!source.includes('document:') && !source.includes('"document"')) {
    const problems = [
      { code: 'missing-field', message: '`document` is missing', line: 1, column: 1, pointer: '', hint: 'say which workflow this is' },
      { code: 'unknown-field', message: '`du` is not known here', line: 2, column: 1, pointer: '/du', hint: 'did you mean `do`?' },
    ]
    return problem(response, 422, 'invalid_definition', 'the definition has 2 problems', { problems })
  }
  const [status, answer] = engine.define(source)
  return json(response, status, answer)
}

const routes = [
  ['GET', /^\/v1\/runs$/, (_, response, url) => {
    const [status, definition] = [url.searchParams.get('status'), url.searchParams.get('definition')]
    const items = engine.runs().filter((run) => (!status || run.status === status) && (!definition || run.definition.startsWith(definition)))
    json(response, 200, page(items, url))
  }],
  ['POST', /^\/v1\/runs$/, async (request, response) => {
    const { definition, input } = JSON.parse(await body(request))
    const started = engine.start(definition, input)
    return started ? json(response, 201, started) : problem(response, 404, 'definition_not_found', `definition ${definition} does not exist`)
  }],
  ['GET', /^\/v1\/runs\/([^/]+)$/, (_, response, __, id) => {
    const run = engine.run(id)
    return run ? json(response, 200, run) : problem(response, 404, 'run_not_found', `run ${id} does not exist`)
  }],
  ['GET', /^\/v1\/runs\/([^/]+)\/history$/, (_, response, __, id) => json(response, 200, { items: engine.history(id) })],
  ['GET', /^\/v1\/runs\/([^/]+)\/events$/, (request, response, _, id) => stream(request, response, (send) => engine.listen((run, seq) => run === id && send(seq, {})))],
  ['POST', /^\/v1\/runs\/([^/]+)\/cancel$/, async (request, response, _, id) => {
    engine.cancel(id, JSON.parse(await body(request)).reason)
    json(response, 202, { id, status: 'running' })
  }],
  ['GET', /^\/v1\/events$/, (request, response) => stream(request, response, (send) => engine.listen((run, seq) => send(`${run}-${seq}`, { subject: run })))],
  ['GET', /^\/v1\/dead-letters$/, (_, response, url) => {
    const status = url.searchParams.get('status')
    json(response, 200, page(engine.letters().filter((one) => !status || one.status === status), url))
  }],
  ['GET', /^\/v1\/dead-letters\/([^/]+)$/, (_, response, __, id) => {
    const letter = engine.letters().find((one) => one.id === id)
    return letter ? json(response, 200, letter) : problem(response, 404, 'dead_letter_not_found', `dead letter ${id} does not exist`)
  }],
  ['POST', /^\/v1\/dead-letters\/([^/]+)\/redrive$/, async (request, response, _, id) => {
    const done = engine.redrive(id, JSON.parse(await body(request)).input)
    return done ? json(response, 202, done) : problem(response, 409, 'not_open', 'the dead letter is not open')
  }],
  ['GET', /^\/v1\/workers$/, (_, response) => json(response, 200, { items: engine.workers() })],
  ['GET', /^\/v1\/recoveries$/, (_, response, url) => {
    const run = url.searchParams.get('run')
    json(response, 200, page(engine.recoveries().filter((one) => !run || one.run === run), url))
  }],
  ['GET', /^\/v1\/system$/, (_, response) => json(response, 200, engine.system())],
  ['GET', /^\/health\/ready$/, (_, response) => json(response, 200, { status: 'ready', checks: ['store', 'bus', 'orchestrator'].map((name) => ({ name, ok: true, took_ms: 1 })) })],
  ['POST', /^\/v1\/definitions$/, async (request, response) => define(await body(request), response)],
  ['GET', /^\/v1\/definitions$/, (_, response, url) => json(response, 200, page(engine.definitions(), url))],
  ['GET', /^\/v1\/definitions\/([^/]+)\/([^/]+)\/([^/]+)$/, (_, response, __, namespace, name, version) => {
    const definition = engine.definition(`${namespace}/${name}:${version}`)
    return definition ? json(response, 200, definition) : problem(response, 404, 'definition_not_found', 'no such definition')
  }],
]

function file(response, path) {
  const wanted = join(dist, normalize(path))
  if (path.split('/').at(-1).includes('.') && !existsSync(wanted)) return problem(response, 404, 'not_found', 'there is no such file')
  const name = path !== '/' && wanted.startsWith(dist) && existsSync(wanted) ? wanted : join(dist, 'index.html')
  response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'text/plain', 'content-security-policy': CSP, 'x-content-type-options': 'nosniff' })
  response.end(readFileSync(name))
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://fixture')
  for (const [method, pattern, handle] of routes) {
    const match = request.method === method && pattern.exec(url.pathname)
    if (match) return void Promise.resolve(handle(request, response, url, ...match.slice(1).map(decodeURIComponent))).catch((error) => problem(response, 500, 'internal', String(error)))
  }
  if (url.pathname.startsWith('/v1')) return problem(response, 404, 'no_route', `there is no ${url.pathname}`)
  return file(response, url.pathname)
})
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
