// What a person writes: definitions, inputs, a reason.
import { assert } from './browser.mjs'

export async function writing(browser) {
  const { page } = browser

  await browser.check('a run is cancelled, and says why', async () => {
    await browser.startSample('Hang', 3)
    await browser.status('running')
    await page.getByRole('button', { name: 'Cancel the run' }).click()
    await page.getByLabel(/^Why/).fill('no longer wanted by the test')
    await browser.shot('run-cancel')
    await browser.accessible('the dialog')
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel the run' }).click()
    await browser.status('cancelled')
    await page.getByRole('link', { name: 'History', exact: true }).click()
    await page.getByText('The run was cancelled: no longer wanted by the test').waitFor()
  })

  await browser.check('a definition is checked as it is written, with the places of what is wrong', async () => {
    await page.goto('/definitions')
    const field = page.getByRole('textbox', { name: 'Document, YAML or JSON' })
    const good = await field.inputValue()
    await page.getByText('No problem: this can be registered as default/greeting:0.1.0.').waitFor()
    browser.breaking = true
    await field.fill(good.replace('set:', 'sett:'))
    const place = page.getByRole('alert').getByRole('button', { name: /^8:\d+$|^7:\d+$/ }).first()
    await place.waitFor()
    assert((await page.locator('.gutter .marked').count()) >= 1, 'no line is marked')
    await place.click()
    assert(await field.evaluate((node) => node === document.activeElement), 'a press on a place does not go there')
    await browser.shot('definition-problems')
    await browser.accessible('a document with problems')
    const refused = page.waitForResponse((answer) => /\/v1\/definitions$/.test(answer.url()) && answer.status() === 422)
    await page.getByRole('button', { name: 'Register' }).click()
    await refused
    await page.getByRole('alert').first().waitFor()
    await field.fill(good)
    await page.getByText('No problem').waitFor()
    browser.breaking = false
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText(/greeting:0\.1\.0 is registered\./).waitFor()
    await field.fill(good.replace('0.1.0', '0.2.0'))
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByText(/greeting:0\.2\.0 is registered\./).waitFor()
    const row = page.getByRole('row').filter({ hasText: 'greeting' })
    await row.getByRole('link', { name: '0.1.0' }).waitFor()
    await browser.shot('definitions')
    await row.getByRole('link', { name: 'greeting' }).click()
    await page.getByRole('heading', { name: 'default/greeting:0.2.0' }).waitFor()
    await page.reload()
    await page.getByRole('figure').getByText('greeting', { exact: false }).first().waitFor()
    await browser.shot('definition')
    await browser.accessible('the definition')
  })

  await browser.check('a run is started with an input, shown from a shell, and started once more', async () => {
    await page.goto('/start?definition=default%2Fgreeting%3A0.2.0')
    const field = page.getByRole('textbox', { name: 'Input of the run' })
    await field.fill('{"name": "Ada", "big": 12345678901234567890}')
    await page.getByText('The same from a shell').click()
    await page.getByText(/nats req kintsugi\.api\.start\.default\.greeting/).waitFor()
    await page.getByText(/"big":12345678901234567890/).first().waitFor()
    await field.fill('{"name": "Ada"}')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.waitForURL(/\/runs\//)
    await browser.status('completed')
    await page.getByRole('link', { name: 'Input and output' }).click()
    await page.getByText('"Hello, Ada"').waitFor()
    await page.getByRole('link', { name: 'Start another' }).click()
    await page.waitForURL(/like=/)
    await page.waitForFunction(() => document.querySelector('textarea')?.value.includes('Ada'))
  })

  await browser.check('the keyboard alone starts the sample and finds the break', async () => {
    await page.goto('/start')
    await page.getByRole('button', { name: 'Start the sample' }).waitFor()
    await page.keyboard.press('Tab')
    assert((await page.evaluate(() => document.activeElement?.textContent)) === 'Skip to the page', 'the first stop is not the skip link')
    await page.getByRole('radio', { name: 'Crash the worker' }).focus()
    await page.keyboard.press('ArrowDown')
    assert(await page.getByRole('radio', { name: 'Fail once' }).isChecked(), 'arrows do not choose')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/runs\//)
    await browser.status('completed')
    await page.getByRole('button', { name: 'charge' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'charge', exact: true }).getByText('failed', { exact: true }).waitFor()
  })

  await browser.check('start is accessible', async () => {
    await page.goto('/start')
    await page.getByRole('button', { name: 'Start the sample' }).waitFor()
    await browser.shot('start')
    await browser.accessible('the start page')
  })
}
