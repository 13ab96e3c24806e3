// Plays the sample workflow: enough of an engine to draw its pages, and no more.

const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
const iso = (ms) => (ms === undefined ? undefined : new Date(ms).toISOString())
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const error = (detail) => ({ type: 'https://open-workflow-specification.org/spec/1.0.0/errors/runtime', status: 500, title: 'Runtime error', detail })

export class Engine {
  #runs = new Map()
  #definitions = new Map()
  #letters = []
  #recoveries = []
  #listeners = new Set()
  #dead = []
  #pid = 4100

  listen(listener) {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  define(source) {
    const field = (name, or) => new RegExp(`${name}: *(\\S+)`).exec(source)?.[1] ?? or
    const [namespace, name, version] = [field('namespace', 'default'), field('name', 'x'), field('version', '1.0.0')]
    const definition = `${namespace}/${name}:${version}`
    const known = this.#definitions.has(definition)
    const title = /title: *(.+)/.exec(source)?.[1]
    const kept = { definition, namespace, name, version, title, digest: 'c0ffee'.repeat(10), created_at: iso(Date.now()), source, document: { document: { namespace, name, version } } }
    if (!known) this.#definitions.set(definition, kept)
    return [known ? 200 : 201, { definition, namespace, name, version, digest: kept.digest, warnings: [] }]
  }
  definitions() { return [...this.#definitions.values()].map(({ source: _, document: __, ...one }) => one) }
  definition(reference) { return this.#definitions.get(reference) }

  start(definition, input) {
    if (!this.#definitions.has(definition)) return undefined
    const id = `01J${Math.random().toString(36).slice(2, 12).toUpperCase()}${this.#runs.size}`
    const now = Date.now()
    this.#runs.set(id, { id, definition, status: 'running', input, created: now, updated: now, started: now, tasks: [], history: [] })
    this.#note(id, { kind: 'start' }, { event: 'run_started' })
    void this.#play(id)
    return { id, definition, status: 'pending', created_at: iso(now), trace_id: TRACE }
  }
  runs() {
    return [...this.#runs.values()].reverse().map((run) => ({ id: run.id, definition: run.definition, status: run.status, created_at: iso(run.created), updated_at: iso(run.updated), ended_at: iso(run.ended) }))
  }
  run(id) {
    const run = this.#runs.get(id)
    if (!run) return undefined
    const tasks = run.tasks.map(({ wake: _, ...task }) => task)
    return { id, definition: run.definition, status: run.status, input: run.input, output: run.output, error: run.error, created_at: iso(run.created), started_at: iso(run.started), updated_at: iso(run.updated), ended_at: iso(run.ended), history_length: run.history.length, trace_id: TRACE, tasks, tasks_truncated: false }
  }
  history(id) { return this.#runs.get(id)?.history ?? [] }
  letters() { return this.#letters }
  recoveries() { return this.#recoveries }

  #note(id, input, ...events) {
    const run = this.#runs.get(id)
    const at = Date.now()
    run.updated = at
    run.history.push({ seq: run.history.length + 1, at: iso(at), steps: [{ at, input, events }] })
    for (const listener of this.#listeners) listener(id, run.history.length)
  }
  async #play(id) {
    const run = this.#runs.get(id)
    const mode = run.input?.mode ?? 'succeed'
    await this.#task(id, 1, 'reserve', '/do/0/reserve', 'succeed', 300)
    await this.#task(id, 2, 'charge', '/do/1/charge', mode, 1500)
    await Promise.all([
      this.#task(id, 3, 'notify', '/do/2/deliver/fork/branches/0/notify', 'succeed', 400),
      this.#task(id, 4, 'ship', '/do/2/deliver/fork/branches/1/ship', 'succeed', 900),
    ])
    if (run.status === 'cancelled') return
    Object.assign(run, { status: 'completed', ended: Date.now(), output: { order: run.input?.order, status: 'delivered', receipt: 'R-1001' } })
    this.#note(id, { kind: 'completed' }, { event: 'run_completed' })
  }
  async #task(id, number, name, pointer, mode, ms) {
    const run = this.#runs.get(id)
    if (run.status === 'cancelled') return
    const task = { task: `${id}:${number}`, run: id, number, name, pointer, type: 'simulate', queue: 'default', status: 'scheduled', attempt: 0, epoch: 0, failures: 0, crashes: 0, scheduled_at: iso(Date.now()), input: { mode, duration_ms: ms }, attempts: [] }
    run.tasks.push(task)
    for (;;) {
      const epoch = (task.attempt = task.epoch += 1)
      const worker = `worker-${this.#pid}`
      const attempt = { epoch, status: 'running', worker, scheduled_at: iso(Date.now()), started_at: iso(Date.now() + 12), refused: 0 }
      task.attempts.push(attempt)
      Object.assign(task, { status: 'running', worker })
      this.#note(id, { kind: 'tick' }, { event: 'task_dispatched', task: number, epoch, pointer, task_type: 'simulate', queue: 'default' })
      const broken = task.input.mode !== 'succeed' && (epoch === 1 || ['fail', 'fatal'].includes(task.input.mode))
      await sleep(broken ? ms * 0.6 : ms)
      if (run.status === 'cancelled') return void Object.assign(attempt, { status: 'cancelled', ended_at: iso(Date.now()) })
      if (!broken) {
        Object.assign(attempt, { status: 'completed', ended_at: iso(Date.now()) })
        Object.assign(task, { status: 'completed', ended_at: attempt.ended_at, output: { done: name } })
        this.#note(id, { kind: 'completed', worker }, { event: 'task_completed', task: number, epoch, worker })
        return
      }
      await this.#break(id, task, attempt)
    }
  }
  async #break(id, task, attempt) {
    const now = Date.now()
    const { number, epoch } = { number: task.number, epoch: attempt.epoch }
    if (task.input.mode === 'crash') {
      Object.assign(attempt, { status: 'lost', cause: 'worker_dead', seen_at: iso(now - 40), ended_at: iso(now) })
      this.#dead.push({ pid: this.#pid, at: now })
      this.#pid += 1
      task.crashes += 1
      this.#note(id, { kind: 'lost' }, { event: 'task_lost', task: number, epoch, cause: 'worker_dead', worker: attempt.worker, seen_at: now - 40 })
      this.#recoveries.unshift({ id: `${task.task}:${epoch}`, at: iso(now), kind: 'worker_dead', run: id, task: task.task, epoch, worker: attempt.worker, seen_at: iso(now - 40), decided: 'gave the task out again as attempt 2', outcome: 'taken over', duration_ms: 391, by: 'orchestrator' })
      return sleep(350)
    }
    task.failures += 1
    const failure = error(task.input.mode === 'hang' ? 'it took longer than 6 s' : 'the simulated task failed')
    Object.assign(attempt, { status: 'failed', error: failure, ended_at: iso(now) })
    const events = [{ event: 'task_failed', task: number, epoch, error: failure }]
    if (task.failures >= 3 || task.input.mode === 'fatal') return this.#bury(id, task, attempt, events)
    const pause = 500 * 2 ** (task.failures - 1)
    task.status = 'backing_off'
    task.retry_at = iso(now + pause)
    this.#note(id, { kind: 'failed' }, ...events, { event: 'retry_scheduled', task: number, at: now + pause, failures: task.failures })
    return sleep(pause)
  }
  #bury(id, task, attempt, events) {
    const run = this.#runs.get(id)
    Object.assign(task, { status: 'dead_lettered', error: attempt.error })
    run.status = 'waiting'
    this.#letters.unshift({ id: `${task.task}:${attempt.epoch}`, status: 'open', run: id, task: task.task, epoch: attempt.epoch, definition: run.definition, pointer: task.pointer, type: task.type, queue: task.queue, input: task.input, error: attempt.error, failures: task.failures, crashes: task.crashes, at: iso(Date.now()), outcome: 'park', attempts: task.attempts.map(({ epoch, worker, started_at, error: why }) => ({ epoch, worker, started_at, error: why })), trace_id: TRACE })
    this.#note(id, { kind: 'failed' }, ...events, { event: 'task_dead_lettered', task: task.number, epoch: attempt.epoch, error: attempt.error })
    return new Promise((wake) => { task.wake = wake })
  }
  redrive(letterId, input) {
    const letter = this.#letters.find((one) => one.id === letterId && one.status === 'open')
    if (!letter) return undefined
    const run = this.#runs.get(letter.run)
    const task = run.tasks.find((one) => one.task === letter.task)
    letter.status = 'redriven'
    run.status = 'running'
    Object.assign(task, { failures: 0, status: 'scheduled', ...(input !== undefined && { input }) })
    this.#note(letter.run, { kind: 'redrive' }, { event: 'task_redriven', task: task.number, edited: input !== undefined })
    task.wake()
    return { id: letterId, run: letter.run, task: letter.task, edited: input !== undefined }
  }
  cancel(id, reason) {
    const run = this.#runs.get(id)
    Object.assign(run, { status: 'cancelled', ended: Date.now() })
    for (const task of run.tasks) if (task.status !== 'completed') task.status = 'cancelled'
    this.#note(id, { kind: 'cancel' }, { event: 'run_cancelled', reason })
  }
  workers() {
    const worker = (pid, alive, seen) => ({ worker: `worker-${pid}`, incarnation: `i${pid}`, pid, host: 'here', version: '0.1.0', types: [{ queue: 'default', type: 'simulate' }, { queue: 'default', type: 'http' }], concurrency: 16, started_at: iso(Date.now() - 90_000), last_seen: iso(seen), alive, stopping: false, leases: alive ? this.#leases(pid) : [] })
    return [worker(this.#pid, true, Date.now() - 200), ...this.#dead.map(({ pid, at }) => worker(pid, false, at))]
  }
  #leases(pid) {
    return [...this.#runs.values()].flatMap((run) => run.tasks).filter((task) => task.status === 'running' && task.worker === `worker-${pid}`)
      .map((task) => ({ task: task.task, epoch: task.epoch, since: task.attempts.at(-1).started_at }))
  }
  system() {
    const services = ['gateway', 'orchestrator', 'task-worker', 'failure-detector', 'retry-engine', 'notification', 'monitoring']
    const runs = Object.fromEntries(Object.entries(Object.groupBy ? Object.groupBy([...this.#runs.values()], (run) => run.status) : {}).map(([status, all]) => [status, all.length]))
    return {
      at: iso(Date.now()), version: '0.1.0', database: 'sqlite', problems: [], runs, definitions: this.#definitions.size,
      dead_letters_open: this.#letters.filter((one) => one.status === 'open').length,
      services: services.map((service) => ({ service, instance: `${service}-1`, pid: 4000, ready: true, last_seen: iso(Date.now() - 300) })),
      workers: [],
      streams: ['KINTSUGI_EVENTS', 'KINTSUGI_TASKS', 'KINTSUGI_INTAKE', 'KINTSUGI_DEAD'].map((stream, index) => ({ stream, exists: true, messages: index * 12, bytes: index * 45_678, first_seq: 1, last_seq: index * 12 })),
      queues: [{ queue: 'default', task_type: 'simulate', pending: 0, ack_pending: 1, oldest_age_ms: 120, redelivered: 0, waiting: 4 }],
      partitions: Array.from({ length: 16 }, (_, partition) => ({ partition, owner: 'orchestrator-1', owner_epoch: 1, position: partition * 7, lag: 0 })),
      recoveries: [{ kind: 'worker_dead', count: this.#recoveries.length }],
    }
  }
}
