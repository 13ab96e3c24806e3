// Drives the dashboard in a real browser, against whatever engine is at the given address.
//
//   node e2e/dashboard.mjs URL [DIRECTORY]     screenshots go to the directory
//
// CHROMIUM_BIN names the browser, KINTSUGI_TOKEN the token of a gateway that wants one. Prints a line per check and `N passed, N failed`.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const [base, shots] = process.argv.slice(2)
if (!base) {
  console.error('usage: node e2e/dashboard.mjs URL [DIRECTORY]')
  process.exit(2)
}
const origin = new URL(base).origin
if (shots) mkdirSync(shots, { recursive: true })
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let passed = 0
let failed = 0
async function check(name, test) {
  try {
    await test()
    passed += 1
    console.log(`ok    ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAIL  ${name}\n      ${String(error?.message ?? error).split('\n').slice(0, 12).join('\n      ')}`)
    if (shots) await page.screenshot({ path: join(shots, `failed-${failed}.png`), fullPage: true }).catch(() => undefined)
  }
}
function assert(truth, message) {
  if (!truth) throw new Error(message)
}
const shot = (name) => shots && page.screenshot({ path: join(shots, `${name}.png`), fullPage: true })

// As root, Chromium needs --no-sandbox: it opens nothing but our own pages here.
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] })
const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light', baseURL: origin })
context.setDefaultTimeout(15_000)
const page = await context.newPage()

const faults = []
const strangers = []
/** Refusals that a check asks for on purpose are in the console, too. */
let expected = 0
page.on('console', (message) => {
  if (message.type() === 'error') faults.push(`${message.text()} (${message.location().url})`)
})
page.on('pageerror', (error) => faults.push(String(error)))
page.on('request', (request) => {
  const url = request.url()
  if (!url.startsWith(origin) && !url.startsWith('data:') && !url.startsWith('blob:')) strangers.push(url)
})

const token = process.env.KINTSUGI_TOKEN
if (token) await context.addInitScript((value) => { window.sessionStorage.setItem('kintsugi.token', value) }, token)

async function accessible(name) {
  // By the DevTools protocol, which the content security policy does not bind.
  await page.evaluate(axe)
  const violations = await page.evaluate(async () => {
    const result = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
    return result.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 140)).join(' | ')}`)
  })
  assert(violations.length === 0, `${name}: ${violations.join('\n')}`)
}
/** Waits for a status of the run whose page is open. */
const status = (name, timeout = 40_000) => page.locator('.page-head .badge', { hasText: new RegExp(`^${name}$`) }).waitFor({ timeout })

async function startSample(choice) {
  await page.goto('/start')
  await page.getByRole('radio', { name: choice }).check()
  await page.getByRole('button', { name: 'Start the sample' }).click()
  await page.waitForURL(/\/runs\//)
  return decodeURIComponent(new URL(page.url()).pathname.split('/')[2])
}

let crashed
await check('the first page comes up and says where to go', async () => {
  await page.goto('/')
  await page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor()
  await page.locator('.live', { hasText: /^live$/ }).waitFor()
  await shot('runs-first')
})

await check('the sample starts with a simulated crash, and completes', async () => {
  crashed = await startSample('Crash the worker')
  await status('running')
  await page.getByRole('region', { name: 'Timeline' }).locator('.bar.fate-open').first().waitFor()
  await shot('run-under-way')
  await status('completed')
})

await check('the mend is shown: the seam, who, why, and how long it took', async () => {
  const list = page.getByRole('region', { name: 'Breaks and mends' })
  await list.getByText(/Mended in/).first().waitFor()
  const text = await list.innerText()
  assert(/attempt 1 was seen broken/.test(text), text)
  assert(/died|lost|delivered it again/.test(text), text)
  assert((await page.locator('.chart .seam').count()) >= 1, 'the timeline has no seam')
  assert((await page.locator('.chart .bar.fate-lost, .chart .bar.fate-failed').count()) >= 1, 'the timeline has no broken attempt')
  await shot('run-mended')
  await accessible('the run')
})

await check('the run\'s other sections say the same', async () => {
  await page.getByRole('link', { name: 'History', exact: true }).click()
  await page.getByText(/Attempt 1 of charge was lost/).waitFor()
  await page.getByText('The run completed.').waitFor()
  await shot('run-history')
  await page.getByRole('link', { name: 'Tasks', exact: true }).click()
  await page.getByRole('region', { name: 'charge', exact: true }).getByText('lost', { exact: true }).waitFor()
  await shot('run-tasks')
  await accessible('the tasks')
  await page.getByRole('link', { name: 'Input and output' }).click()
  await page.getByText('"crash"').waitFor()
  await page.getByText('"delivered"').waitFor()
  await shot('run-data')
  await page.getByRole('link', { name: 'Definition', exact: true }).click()
  await page.getByText('mended-order', { exact: false }).first().waitFor()
})

await check('the list narrows by status in the URL', async () => {
  await page.goto('/')
  await page.getByRole('link', { name: crashed }).waitFor()
  await page.getByRole('navigation', { name: 'Filter by status' }).getByRole('link', { name: 'completed' }).click()
  await page.waitForURL(/status=completed/)
  await page.getByRole('link', { name: crashed }).waitFor()
  await page.getByRole('navigation', { name: 'Filter by status' }).getByRole('link', { name: 'suspended' }).click()
  await page.getByText('No run matches').waitFor()
  await page.getByRole('link', { name: 'Show all runs' }).click()
  await page.getByLabel('Definition').fill('demo/mended-order:1.0.0')
  await page.getByRole('button', { name: 'Filter' }).click()
  await page.waitForURL(/definition=/)
  await page.getByRole('link', { name: crashed }).waitFor()
  await shot('runs')
  await accessible('the runs')
})

await check('a run that starts elsewhere appears by itself', async () => {
  await page.goto('/')
  await page.locator('.live', { hasText: /^live$/ }).waitFor()
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  const answer = await fetch(`${origin}/v1/runs`, { method: 'POST', headers, body: JSON.stringify({ definition: 'demo/mended-order:1.0.0', input: { mode: 'succeed', order: 'elsewhere' } }) })
  const { id } = await answer.json()
  await page.getByRole('link', { name: id }).waitFor({ timeout: 5_000 })
  await page.locator('tr', { hasText: id }).getByText('completed').waitFor({ timeout: 20_000 })
})

await check('a dead letter is shown with its context, and redriven with an edited input', async () => {
  const run = await startSample('Cannot be done')
  await status('waiting')
  await page.getByRole('list', { name: 'What it waits for' }).getByText('charge is a dead letter').waitFor()
  await shot('run-waiting')
  await page.getByRole('link', { name: 'Tasks', exact: true }).click()
  await page.getByRole('link', { name: 'Look and redrive' }).click()
  await page.getByRole('heading', { name: 'Dead letter: charge' }).waitFor()
  await shot('dead-letter')
  await accessible('the dead letter')
  await page.getByRole('checkbox', { name: 'With an edited input' }).check()
  const field = page.getByRole('textbox', { name: 'Input' })
  await field.fill('{"mode": nope}')
  await page.getByText('“nope” does not fit here. Line 1, column 10.').waitFor()
  const button = page.getByRole('button', { name: 'Redrive with this input' })
  assert(await button.isDisabled(), 'text that is not JSON can be sent')
  await shot('dead-letter-edited')
  await field.fill('{"mode": "succeed", "duration_ms": 200, "output": {"charged": true, "receipt": "R-2"}}')
  await button.click()
  await page.getByRole('link', { name: 'See the run go on.' }).click()
  await page.waitForURL(new RegExp(run))
  await status('completed')
  await page.goto('/dead-letters?status=redriven')
  await page.getByRole('link', { name: run }).waitFor()
  await shot('dead-letters')
  await accessible('the dead letters')
})

await check('a run is cancelled, and says why', async () => {
  await startSample('Hang once')
  await status('running')
  await page.getByRole('button', { name: 'Cancel the run' }).click()
  await page.getByLabel(/^Why/).fill('no longer wanted by the test')
  await shot('run-cancel')
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the run' }).click()
  await status('cancelled')
  await page.getByRole('link', { name: 'History', exact: true }).click()
  await page.getByText('The run was cancelled: no longer wanted by the test').waitFor()
})

await check('a definition with problems is refused with their places, and a good one registered', async () => {
  await page.goto('/definitions')
  const field = page.getByRole('textbox', { name: 'Document, YAML or JSON' })
  const good = await field.inputValue()
  await field.fill('dokument: {}\ndu: []\n')
  expected += 1
  await page.getByRole('button', { name: 'Register' }).click()
  await page.getByRole('alert').getByRole('button', { name: /^\d+:\d+$/ }).first().click()
  assert(await field.evaluate((node) => node === document.activeElement), 'a press on a place does not go there')
  await shot('definition-problems')
  await field.fill(good)
  await page.getByRole('button', { name: 'Register' }).click()
  await page.getByText(/greeting:0\.1\.0 is registered\./).waitFor()
  await page.getByRole('status').getByRole('link', { name: /^default\/greeting/ }).click()
  await page.getByRole('heading', { name: 'default/greeting:0.1.0' }).waitFor()
  await page.reload()
  await page.getByRole('figure').getByText('greeting', { exact: false }).first().waitFor()
  await shot('definition')
  await accessible('the definition')
})

await check('workers, system and start are drawn and accessible', async () => {
  await page.goto('/workers')
  await page.getByText('simulate', { exact: true }).first().waitFor()
  await shot('workers')
  await accessible('the workers')
  await page.goto('/system')
  await page.getByRole('region', { name: 'Recovery log' }).first().getByRole('link').first().waitFor()
  await page.getByRole('region', { name: 'Services' }).first().waitFor()
  await shot('system')
  await accessible('the system')
  await page.goto('/start')
  await page.getByRole('button', { name: 'Start the sample' }).waitFor()
  await shot('start')
  await accessible('the start page')
})

await check('what does not exist is said so, with a trace id', async () => {
  expected += 1
  await page.goto('/runs/no-such-run')
  const alert = page.getByRole('alert')
  await alert.waitFor()
  await alert.getByRole('button', { name: 'Copy trace id' }).waitFor()
  await shot('run-missing')
  await page.goto('/nowhere')
  await page.getByRole('heading', { name: 'No such page' }).waitFor()
})

await check('the keyboard alone starts the sample', async () => {
  await page.goto('/start')
  await page.getByRole('button', { name: 'Start the sample' }).waitFor()
  await page.keyboard.press('Tab')
  assert((await page.evaluate(() => document.activeElement?.textContent)) === 'Skip to the page', 'the first stop is not the skip link')
  await page.getByRole('radio', { name: 'Crash the worker' }).focus()
  await page.keyboard.press('ArrowDown')
  assert(await page.getByRole('radio', { name: 'Fail once' }).isChecked(), 'arrows do not choose')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/runs\//)
  await status('completed')
  await page.getByText(/Mended in/).first().waitFor()
})

await check('it is dark at night, and fits a telephone', async () => {
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.goto(`/runs/${encodeURIComponent(crashed)}`)
  await page.locator('.chart .seam').first().waitFor()
  await shot('run-dark')
  await accessible('the run in the dark')
  await page.goto('/start')
  await page.getByRole('button', { name: 'Start the sample' }).waitFor()
  await shot('start-dark')
  await accessible('the start page in the dark')
  await page.setViewportSize({ width: 390, height: 800 })
  for (const path of ['/', '/start', `/runs/${encodeURIComponent(crashed)}`, '/dead-letters', '/workers', '/system']) {
    await page.goto(path)
    await page.getByRole('heading', { level: 1 }).waitFor()
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    assert(over <= 0, `${path} is ${over} px too wide`)
  }
  await shot('system-narrow')
  await page.goto(`/runs/${encodeURIComponent(crashed)}`)
  await page.locator('.chart .seam').first().waitFor()
  await shot('run-narrow')
})

await check('no error in the console', () => {
  // Chromium reports each refused request; those that were asked for are known by number.
  const refused = faults.filter((text) => /status of 4(04|22)/.test(text))
  const others = faults.filter((text) => !refused.includes(text))
  assert(others.length === 0, others.join('\n'))
  assert(refused.length <= expected, `${refused.length} refusals, ${expected} expected:\n${refused.join('\n')}`)
})
await check('no request to anybody else', () => assert(strangers.length === 0, strangers.join('\n')))

await browser.close()
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
