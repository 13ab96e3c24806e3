// The demonstration: a workflow with a task that simulates a failure is started from the dashboard, and every step of
// its mending is to be seen as it happens, on the page that is open, without a reload.
import { assert } from './browser.mjs'

/** Marks the page that is open; a reload would lose the mark. */
const mark = (page) => page.evaluate(() => { window.stayed = true })
const stayed = async (page) => assert(await page.evaluate(() => window.stayed === true), 'the page was loaded anew')

/** A step of the newest mend. */
const step = (page, name) => page.getByRole('region', { name: 'Breaks and mends' }).getByRole('list', { name: 'How charge was mended' }).first().getByRole('listitem').filter({ hasText: name })
const story = (page, text) => page.getByRole('region', { name: 'What happens now' }).getByText(text).first()

export async function demonstration(browser) {
  const { page } = browser
  await browser.check('the first page comes up empty and says where to go', async () => {
    await page.goto('/')
    await page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor()
    await page.locator('.live', { hasText: /^live$/ }).waitFor()
    await page.getByText('engine ready').waitFor()
    await browser.shot('runs-first')
    await browser.accessible('the first page')
  })

  await browser.check('a crash: running, taken up, detected, given out again, picked up, completed', async () => {
    browser.crashed = await browser.startSample('Crash the worker')
    await mark(page)
    await browser.status('running')
    await page.getByRole('region', { name: 'Timeline' }).locator('.bar.fate-open').first().waitFor()
    await story(page, /took up attempt 1 of charge/).waitFor()
    await browser.shot('demo-1-running')
    await step(page, 'Seen').getByText('by the failure detector').waitFor()
    await step(page, 'Given out again').getByText('as attempt 2, at once').waitFor()
    await browser.shot('demo-2-detected')
    await step(page, 'Taken up').getByText(/by worker/).waitFor()
    await page.getByText(/Mended in/).first().waitFor()
    await browser.shot('demo-3-taken-up')
    await step(page, 'Completed').waitFor()
    await browser.status('completed')
    await stayed(page)
    assert((await page.locator('.chart .seam').count()) >= 1, 'the timeline has no seam')
    assert((await page.locator('.chart .bar.fate-lost').count()) === 1, 'the timeline has no broken attempt')
    await browser.shot('demo-4-completed')
    await browser.accessible('the run')
  })

  await browser.check('a failure: detected, retry scheduled, picked up, failed again, and in the end succeeded', async () => {
    await browser.startSample('Fail once', 2)
    await mark(page)
    await browser.status('running')
    await step(page, 'Seen').getByText('by the worker, which said so').waitFor()
    await step(page, 'Retry scheduled').getByText(/in \d/).waitFor()
    // The pause is short: on a machine that is busy it may be over before it was drawn.
    const pause = page.getByRole('list', { name: 'What it waits for' }).getByText(/charge failed once and is tried again in/)
    // And the next attempt may have broken, too, so that its mend is the newest.
    const again = page.getByRole('region', { name: 'Breaks and mends' }).getByText('as attempt 2, after a pause of')
    await pause.or(again).first().waitFor()
    await browser.shot('demo-retry-scheduled')
    await again.waitFor()
    await page.getByText('charge: attempt 2 broke').waitFor()
    await browser.status('completed')
    await stayed(page)
    assert((await page.locator('.chart .seam').count()) === 2, 'two breaks have two seams')
    await browser.shot('demo-retried')
  })

  await browser.check('a final failure: every attempt is used up, and the run waits for a person', async () => {
    browser.exhausted = await browser.startSample('Fail every time')
    await mark(page)
    await browser.status('waiting')
    await step(page, 'Dead letter').getByText('no attempt is left').waitFor()
    await page.getByRole('list', { name: 'What it waits for' }).getByText('charge is a dead letter').waitFor()
    await stayed(page)
    await browser.shot('demo-dead-letter')
    await browser.accessible('the run that waits')
    await page.getByText('Why does it stand still?').click()
    const causes = page.getByRole('list', { name: 'Causes, the nearest first' })
    await causes.getByText('has no attempts left').waitFor()
    await causes.getByText('Ended by a redrive of the dead letter').waitFor()
    await browser.shot('demo-explained')
    await browser.accessible('the explanation')
  })

  await browser.check('a frozen worker is found out, and its late result changes nothing', async () => {
    await browser.startSample('Freeze the worker')
    await mark(page)
    // The chart has the same words in titles, which are not in sight.
    const found = page.getByText(/froze: connected, but it neither beat nor answered|died/).locator('visible=true')
    await found.first().waitFor({ timeout: 30_000 })
    await browser.status('completed')
    await stayed(page)
    await browser.shot('demo-frozen')
  })

  await browser.check('the run\'s other sections say the same', async () => {
    await page.goto(`/runs/${encodeURIComponent(browser.crashed)}`)
    await page.getByRole('button', { name: 'charge' }).click()
    await page.waitForURL(/task=/)
    await page.getByRole('region', { name: 'charge', exact: true }).getByText('lost', { exact: true }).waitFor()
    await browser.shot('run-task-chosen')
    await page.getByRole('link', { name: 'History', exact: true }).click()
    await page.getByText(/Attempt 1 of charge was lost/).waitFor()
    await page.getByText('The run completed.').waitFor()
    await browser.shot('run-history')
    await browser.accessible('the history')
    await page.getByRole('link', { name: 'breaks and mends' }).click()
    await page.getByText('The run completed.').waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'newest first' }).click()
    await page.waitForURL(/order=newest/)
    await page.getByText(/Attempt 1 of charge was lost/).waitFor()
    await page.getByRole('link', { name: 'Tasks', exact: true }).click()
    await page.getByRole('region', { name: 'Tasks in the order of dispatch' }).getByRole('link', { name: 'charge' }).click()
    await page.getByRole('region', { name: 'charge', exact: true }).getByText('lost', { exact: true }).waitFor()
    await browser.shot('run-tasks')
    await browser.accessible('the tasks')
    await page.getByRole('link', { name: 'Input and output' }).click()
    await page.getByText('"crash"').waitFor()
    await page.getByText('"delivered"').waitFor()
    await browser.shot('run-data')
    await browser.accessible('input and output')
    await page.getByRole('link', { name: 'Definition', exact: true }).click()
    await page.getByRole('figure').getByText('mended-order').first().waitFor()
    await browser.shot('run-definition')
    await browser.accessible('the definition of the run')
  })
}
