// The drawing of a definition, and of a run in it: states, gold, links, colours, and nothing that a drawing may not hold.
import { assert } from './browser.mjs'

const PARTS = `document: {dsl: 1.0.3, namespace: demo, name: parts, version: 1.0.0}
do:
  - prepare: {set: {ready: true}}
  - passed: {if: '\${ false }', set: {never: true}}
  - each:
      for: {each: n, in: '\${ [range(3)] }'}
      do:
        - step: {call: simulate, with: {mode: succeed, duration_ms: 1}}
  - guarded:
      try:
        - risky: {raise: {error: {type: https://example.com/oops, status: 400}}}
      catch:
        do:
          - handle: {set: {handled: true}}
  - side:
      fork:
        branches:
          - left: {call: simulate, with: {mode: succeed, duration_ms: 1}}
          - right: {wait: {hours: 1}}
  - last: {set: {done: true}}
`

/** A drawing that holds what no drawing of ours does. */
const HOSTILE = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 300 200" width="300" height="200" onload="window.hurt = 1">
<title>hostile</title><style>body{display:none}</style><script>window.hurt = 2</script>
<foreignObject width="9" height="9"><iframe xmlns="http://www.w3.org/1999/xhtml" src="https://example.com/"/></foreignObject>
<image href="https://example.com/x.png" width="9" height="9"/><use href="https://example.com/x.svg#a"/>
<a xlink:href="javascript:window.hurt=3"><text x="5" y="90">away</text></a>
<g class="node role-call" data-reference="/do/0/a" style="fill:red" onclick="window.hurt = 4"><title>a &lt;script&gt;</title><rect x="20" y="20" width="90" height="44" rx="5" fill="url(https://example.com/)"/><text class="name" x="32" y="39">a &lt;b&gt;<script>window.hurt = 5</script></text></g>
</svg>`

const ALLOWED = new Set(['svg', 'g', 'rect', 'path', 'text', 'title'])

export async function drawing(browser) {
  const { page } = browser
  const region = page.getByRole('region', { name: 'The drawing' })
  /** The box of a task of the run's drawing. */
  const box = (reference) => region.locator(`[data-reference="${reference}"]`)
  const title = async (reference, text) => {
    await region.locator(`[data-reference="${reference}"] title`).filter({ hasText: text }).waitFor({ state: 'attached' })
  }
  const open = async (run) => {
    await page.goto(`/runs/${encodeURIComponent(run)}`)
    await page.getByRole('link', { name: 'Drawing', exact: true }).click()
    await page.waitForURL(/section=drawing/)
    await region.locator('.role-start').waitFor()
  }

  await browser.check('the drawing of a run shows where it broke and was mended with gold', async () => {
    await open(browser.crashed)
    const charge = region.getByRole('link', { name: /^charge: call simulate .*\. Done, mended once$/ })
    await charge.waitFor()
    const joints = region.locator('.joint')
    assert((await joints.count()) === 1, `${await joints.count()} tasks have a golden joint`)
    await charge.locator('.joint').waitFor()
    await region.getByText('mended', { exact: true }).waitFor()
    await page.getByText(/tasks, \d+ done, 1 mended\./).waitFor()
    await browser.shot('run-drawing')
    await browser.accessible('the drawing of a run')
    await charge.click()
    await page.waitForURL(/section=tasks/)
    await page.getByText(/1 of \d+: those at/).waitFor()
    await page.getByRole('region', { name: 'charge', exact: true }).getByText('lost', { exact: true }).waitFor()
    await browser.accessible('the tasks at one place')
    await page.getByRole('link', { name: 'Show all' }).click()
    await page.getByText(/those at/).waitFor({ state: 'detached' })
  })

  await browser.check('a drawing follows its run as it breaks and is mended', async () => {
    const { json } = await browser.api('POST', '/v1/runs', { definition: 'demo/mended-order', input: { mode: 'crash', order: 'drawn' } })
    await open(json.id)
    await page.evaluate(() => { window.stayed = true })
    await region.locator('.joint').waitFor()
    await browser.status('completed')
    await region.getByRole('link', { name: /^charge: .*Done, mended/ }).waitFor()
    assert(await page.evaluate(() => window.stayed === true), 'the page was loaded anew')
  })

  await browser.check('tasks of the engine, rounds, branches and a caught error are drawn as they stand', async () => {
    await browser.api('POST', '/v1/definitions', PARTS, 'application/yaml')
    const { json } = await browser.api('POST', '/v1/runs', { definition: 'demo/parts', input: {} })
    browser.parts = json.id
    await open(json.id)
    await title('/do/4/side/fork/branches/0/left', /Done/)
    await title('/do/4/side/fork/branches/1/right', /Waiting/)
    await title('/do/0/prepare', /Done/)
    await title('/do/1/passed', /Skipped: its condition did not hold/)
    await title('/do/2/each/do/0/step', /Done, begun 3 times, 3 done/)
    await title('/do/3/guarded/try/0/risky', /Failed/)
    await title('/do/3/guarded/catch', /Done/)
    await title('/do/5/last', /Not yet/)
    await box('/do/2/each').getByText('3 rounds').waitFor()
    await box('/do/2/each/do/0/step').getByText('3/3 done').waitFor()
    await box('/do/4/side').getByText('1/2 done').waitFor()
    await browser.shot('run-drawing-parts')
    await browser.accessible('a drawing with every state')
    await box('/do/2/each/do/0/step').getByRole('link').press('Enter')
    await page.getByText('3 of 4: those at').waitFor()
  })

  await browser.check('a drawing has the dashboard\'s own colours, by day and by night', async () => {
    const fill = () => page.evaluate(() => getComputedStyle(document.querySelector('.drawing .node rect')).fill)
    const visit = async () => {
      await page.goto('/definitions/demo/parts?version=1.0.0')
      await page.getByRole('region', { name: 'Drawing' }).getByRole('img', { name: /^The tasks of demo\/parts:1\.0\.0/ }).waitFor()
    }
    await visit()
    const day = await fill()
    // Chosen in the dashboard, while the system stays light.
    await page.evaluate(() => { window.localStorage.setItem('kintsugi.theme', 'dark') })
    await visit()
    assert((await fill()) !== day, 'the drawing of a definition stays light')
    await browser.shot('dark-definition-drawing')
    await browser.accessible('the drawing of a definition in the dark')
    await open(browser.crashed)
    await region.locator('.joint').waitFor()
    await browser.shot('dark-run-drawing')
    await browser.accessible('the drawing of a run in the dark')
    await open(browser.parts)
    await browser.shot('dark-run-drawing-parts')
    await browser.accessible('a drawing with every state in the dark')
    await page.evaluate(() => { window.localStorage.removeItem('kintsugi.theme') })
  })

  await browser.check('whatever else a drawing holds is dropped', async () => {
    await page.route('**/graph?as=svg', (route) => route.fulfill({ contentType: 'image/svg+xml', body: HOSTILE }))
    await page.goto('/definitions/demo/parts?version=1.0.0')
    const picture = page.getByRole('region', { name: 'Drawing' }).getByRole('img')
    await picture.getByText('a <b>').waitFor()
    const found = await picture.evaluate((root) => [root, ...root.querySelectorAll('*')].map((one) => [one.localName, ...one.getAttributeNames()]))
    const strange = found.filter(([name]) => !ALLOWED.has(name))
    assert(strange.length === 0, `elements: ${strange.join(' | ')}`)
    const attributes = found.flat().filter((name) => name.startsWith('on') || ['style', 'href', 'xlink:href', 'fill'].includes(name))
    assert(attributes.length === 0, `attributes: ${attributes}`)
    assert((await page.evaluate(() => window.hurt)) === undefined, 'something of the drawing ran')
    await page.unroute('**/graph?as=svg')
  })

  await browser.check('a drawing fits a telephone', async () => {
    await page.setViewportSize({ width: 390, height: 800 })
    await open(browser.parts)
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    assert(over <= 0, `it is ${over} px too wide`)
    await browser.shot('narrow-run-drawing')
    await page.setViewportSize({ width: 1280, height: 860 })
  })
}
