// What is not there, an engine that does not answer, a slow one, the dark, and a narrow window.
import { assert } from './browser.mjs'

export async function trouble(browser) {
  const { page, context } = browser
  const run = () => `/runs/${encodeURIComponent(browser.crashed)}`

  await browser.check('what does not exist is said so, with a trace id', async () => {
    browser.breaking = true
    for (const path of ['/runs/no-such-run', '/dead-letters/none:1:1', '/definitions/no/such?version=1.0.0']) {
      await page.goto(path)
      const alert = page.getByRole('alert')
      await alert.waitFor()
      await alert.getByRole('button', { name: 'Copy trace id' }).waitFor()
    }
    await page.goto('/runs/no-such-run')
    await page.getByRole('alert').waitFor()
    await browser.shot('run-missing')
    await browser.accessible('a run that is not there')
    await page.goto('/nowhere')
    await page.getByRole('heading', { name: 'No such page' }).waitFor()
  })

  await browser.check('a slow engine is waited for, in sight', async () => {
    let go
    const gate = new Promise((done) => { go = done })
    await page.route('**/v1/runs?*', async (route) => {
      await gate
      await route.continue()
    })
    await page.goto('/')
    await page.getByText('Loading runs …').waitFor()
    await browser.shot('runs-loading')
    go()
    await page.getByRole('link', { name: browser.crashed }).waitFor()
    await page.unroute('**/v1/runs?*')
  })

  await browser.check('an engine that does not answer is said so, and is found again by itself', async () => {
    await page.goto('/')
    await page.getByRole('link', { name: browser.crashed }).waitFor()
    await page.locator('.live', { hasText: /^live$/ }).waitFor()
    browser.breaking = true
    await context.setOffline(true)
    // A stream that is open already is not cut by the browser going offline: a new page is asked for.
    await page.getByRole('link', { name: 'Workers' }).click()
    await page.getByText('The engine does not answer').waitFor({ timeout: 20_000 })
    await page.getByText('no answer', { exact: true }).waitFor({ timeout: 20_000 })
    await browser.shot('no-answer')
    await browser.accessible('no answer')
    await context.setOffline(false)
    await page.getByText('simulate', { exact: true }).first().waitFor({ timeout: 20_000 })
    await page.getByText('engine ready').waitFor({ timeout: 20_000 })
  })

  await browser.check('what was not answered can be asked again', async () => {
    browser.breaking = true
    // This page asks by itself only once, so that nothing but the button brings the answer.
    await page.route('**/v1/definitions?*', (route) => route.abort())
    await page.goto('/definitions')
    const again = page.getByRole('button', { name: 'Try again' })
    await again.waitFor({ timeout: 20_000 })
    await page.unroute('**/v1/definitions?*')
    await again.click()
    await page.getByRole('link', { name: 'greeting' }).waitFor()
  })

  await browser.check('a stream that breaks off comes back, and nothing is missed', async () => {
    await page.goto('/')
    await page.locator('.live', { hasText: /^live$/ }).waitFor()
    browser.breaking = true
    await page.route('**/v1/events', (route) => route.abort())
    // The page rests while nobody looks: coming back opens the stream anew, which fails here.
    const look = (state) => page.evaluate((value) => {
      Object.defineProperty(document, 'visibilityState', { value, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, state)
    await look('hidden')
    await look('visible')
    await page.locator('.live', { hasText: 'reconnecting' }).waitFor()
    const { json } = await browser.api('POST', '/v1/runs', { definition: 'default/greeting', input: { name: 'meanwhile' } })
    await page.unroute('**/v1/events')
    await page.locator('.live', { hasText: /^live$/ }).waitFor({ timeout: 20_000 })
    await page.getByRole('link', { name: json.id }).waitFor()
  })

  await browser.check('the colours are the system\'s or one\'s own, and stay', async () => {
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    await page.goto('/')
    const light = await ground()
    const button = page.getByRole('button', { name: /^Colours:/ })
    await button.click()
    await button.click()
    assert((await ground()) !== light, 'dark is not dark')
    await page.reload()
    assert((await ground()) !== light, 'the choice is forgotten')
    await page.getByRole('button', { name: /^Colours: dark/ }).click()
    assert((await ground()) === light, 'the system\'s choice is not taken again')
  })

  await browser.check('it is dark at night, on every page', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    for (const [name, path] of [['runs', '/'], ['start', '/start'], ['definitions', '/definitions'], ['inbox', '/inbox?status=all'], ['dead-letters', '/dead-letters?status=all'], ['recoveries', '/recoveries'], ['workers', '/workers'], ['system', '/system']]) {
      await page.goto(path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.getByText(/^Loading/).first().waitFor({ state: 'detached' })
      await browser.shot(`dark-${name}`)
      await browser.accessible(`${name} in the dark`)
    }
    await page.goto(run())
    await page.locator('.chart .seam').first().waitFor()
    await browser.shot('dark-run')
    await browser.accessible('the run in the dark')
    await page.emulateMedia({ colorScheme: 'light' })
  })

  await browser.check('it fits a telephone', async () => {
    await page.setViewportSize({ width: 390, height: 800 })
    for (const path of ['/', '/start', run(), `${run()}?section=tasks`, `${run()}?section=history`, `${run()}?section=data`, '/definitions', '/dead-letters?status=all', '/recoveries', '/workers', '/system']) {
      await page.goto(path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.getByText(/^Loading/).first().waitFor({ state: 'detached' })
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      assert(over <= 0, `${path} is ${over} px too wide`)
    }
    await browser.shot('narrow-system')
    await page.goto('/')
    await page.getByRole('link', { name: browser.crashed }).waitFor()
    await browser.shot('narrow-runs')
    await page.goto(run())
    await page.locator('.chart .seam').first().waitFor()
    await browser.shot('narrow-run')
    await page.setViewportSize({ width: 1280, height: 860 })
  })
}
