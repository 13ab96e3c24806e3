// A browser with what the checks need: pictures, accessibility, and an account of every error and every stranger.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const ARGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage']
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export function assert(truth, message) {
  if (!truth) throw new Error(message)
}

export class Browser {
  static async open(base, shots) {
    const own = new Browser()
    own.origin = new URL(base).origin
    own.shots = shots
    if (shots) mkdirSync(shots, { recursive: true })
    // As root, Chromium needs --no-sandbox: it opens nothing but our own pages here.
    own.chromium = await chromium.launch({ executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium', args: ['--no-sandbox', ...ARGS] })
    own.context = await own.chromium.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light', baseURL: own.origin })
    own.context.setDefaultTimeout(15_000)
    own.token = process.env.KINTSUGI_TOKEN
    if (own.token) await own.context.addInitScript((value) => { window.sessionStorage.setItem('kintsugi.token', value) }, own.token)
    own.page = await own.context.newPage()
    own.watch()
    return own
  }

  passed = 0
  failed = 0
  faults = []
  strangers = []
  /** While a check breaks something on purpose, what the console says of it is no fault. */
  breaking = false

  watch() {
    const fault = (text) => { if (!this.breaking) this.faults.push(text) }
    this.page.on('console', (message) => { if (message.type() === 'error') fault(`${message.text()} (${message.location().url})`) })
    this.page.on('pageerror', (error) => this.faults.push(String(error)))
    this.page.on('request', (request) => {
      const url = request.url()
      if (!url.startsWith(this.origin) && !url.startsWith('data:') && !url.startsWith('blob:')) this.strangers.push(url)
    })
  }

  async check(name, test) {
    try {
      await test()
      this.passed += 1
      console.log(`ok    ${name}`)
    } catch (error) {
      this.failed += 1
      console.log(`FAIL  ${name}\n      ${String(error?.message ?? error).split('\n').slice(0, 12).join('\n      ')}`)
      await this.shot(`failed-${this.failed}`).catch(() => undefined)
    } finally {
      this.breaking = false
      await this.context.setOffline(false)
    }
  }

  shot(name) {
    return this.shots ? this.page.screenshot({ path: join(this.shots, `${name}.png`), fullPage: true }) : Promise.resolve()
  }

  /** No violation of WCAG 2.2 A and AA that can be found by machine. */
  async accessible(name) {
    // By the DevTools protocol, which the content security policy does not bind.
    await this.page.evaluate(axe)
    const violations = await this.page.evaluate(async () => {
      const result = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
      return result.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`)
    })
    assert(violations.length === 0, `${name}: ${violations.join('\n')}`)
  }

  /** Waits for a status of the run whose page is open. */
  status(name, timeout = 40_000) {
    return this.page.locator('.page-head .badge', { hasText: new RegExp(`^${name}$`) }).waitFor({ timeout })
  }

  /** Starts the sample from its page; its run's page is open then. */
  async startSample(choice, times) {
    const { page } = this
    await page.goto('/start')
    await page.getByRole('radio', { name: choice }).check()
    if (times) await page.getByLabel('Attempts that break').selectOption(String(times))
    await page.getByRole('button', { name: 'Start the sample' }).click()
    await page.waitForURL(/\/runs\//)
    return decodeURIComponent(new URL(page.url()).pathname.split('/')[2])
  }

  /** Asks the API, as a program beside the browser would. */
  async api(method, path, body, type = 'application/json') {
    const headers = { 'content-type': type, ...(this.token && { authorization: `Bearer ${this.token}` }) }
    const answer = await fetch(`${this.origin}${path}`, { method, headers, ...(body !== undefined && { body: type === 'application/json' ? JSON.stringify(body) : body }) })
    return { status: answer.status, json: await answer.json() }
  }

  async close() {
    await this.check('no error in the console', () => assert(this.faults.length === 0, this.faults.join('\n')))
    await this.check('no request to anybody else', () => assert(this.strangers.length === 0, this.strangers.join('\n')))
    await this.chromium.close()
    console.log(`${this.passed} passed, ${this.failed} failed`)
    return this.failed === 0
  }
}
