// Lists: filters in the URL, what comes by itself, dead letters, recoveries, many tasks.
import { assert } from './browser.mjs'

const MANY = `document: {dsl: 1.0.3, namespace: demo, name: many, version: 1.0.0}
do:
  - each:
      for: {each: n, in: '\${ [range($workflow.input.count)] }'}
      do:
        - step: {call: simulate, with: {mode: succeed, duration_ms: 1, output: {n: '\${ $n }'}}}
`

export async function lists(browser) {
  const { page } = browser
  const rows = (id) => page.getByRole('row').filter({ hasText: id })

  await browser.check('the list narrows by status, definition and time, in the URL', async () => {
    await page.goto('/')
    await page.getByRole('link', { name: browser.crashed }).waitFor()
    await rows(browser.crashed).getByText('1×').waitFor()
    const filter = page.getByRole('navigation', { name: 'Filter by status' })
    await filter.getByRole('link', { name: /^completed/ }).click()
    await page.waitForURL(/status=completed/)
    await page.getByRole('link', { name: browser.crashed }).waitFor()
    await page.getByLabel('Started').selectOption('1h')
    await page.waitForURL(/since=1h/)
    await page.getByRole('link', { name: browser.crashed }).waitFor()
    await page.reload()
    assert((await page.getByLabel('Started').inputValue()) === '1h', 'the URL does not hold the filter')
    await page.getByLabel('Started').selectOption('')
    await filter.getByRole('link', { name: /^suspended/ }).click()
    await page.getByText('No run matches').waitFor()
    await browser.shot('runs-none-match')
    await page.getByRole('link', { name: 'Show all runs' }).click()
    await page.getByLabel('Definition, or id of a run').fill('demo/mended-order')
    await page.getByRole('button', { name: 'Find' }).click()
    await page.waitForURL(/definition=demo%2Fmended-order/)
    await page.getByRole('link', { name: browser.crashed }).waitFor()
    await browser.shot('runs')
    await browser.accessible('the runs')
    await page.getByLabel('Definition, or id of a run').fill(browser.crashed)
    await page.getByRole('button', { name: 'Find' }).click()
    await page.getByRole('heading', { name: `Run ${browser.crashed}` }).waitFor()
  })

  await browser.check('a run that starts elsewhere appears by itself, and its end too', async () => {
    await page.goto('/')
    await page.locator('.live', { hasText: /^live$/ }).waitFor()
    const { json } = await browser.api('POST', '/v1/runs', { definition: 'demo/mended-order', input: { mode: 'succeed', order: 'elsewhere' } })
    await page.getByRole('link', { name: json.id }).waitFor({ timeout: 5_000 })
    await rows(json.id).getByText('completed').waitFor({ timeout: 20_000 })
  })

  await browser.check('a dead letter is shown with its context, and redriven with an edited input', async () => {
    await page.goto(`/runs/${encodeURIComponent(browser.exhausted)}`)
    await page.getByRole('link', { name: 'Open the dead letter' }).click()
    await page.getByRole('heading', { name: 'Dead letter: charge' }).waitFor()
    const attempts = page.getByRole('region', { name: 'Attempts of the task' })
    assert((await attempts.getByRole('row').count()) === 4, 'not every attempt is shown')
    await browser.shot('dead-letter')
    await browser.accessible('the dead letter')
    await page.getByRole('checkbox', { name: 'With an edited input' }).check()
    const field = page.getByRole('textbox', { name: 'Input' })
    await field.fill('{"mode": nope}')
    await page.getByText('“nope” does not fit here. Line 1, column 10.').waitFor()
    const button = page.getByRole('button', { name: 'Redrive with this input' })
    assert(await button.isDisabled(), 'text that is not JSON can be sent')
    await browser.shot('dead-letter-edited')
    await field.fill('{"mode": "succeed", "duration_ms": 200, "output": {"charged": true, "receipt": "R-2"}}')
    await button.click()
    await page.getByRole('link', { name: 'See the run go on.' }).click()
    await page.waitForURL(new RegExp(browser.exhausted))
    await browser.status('completed')
    await page.getByRole('link', { name: 'History', exact: true }).click()
    await page.getByText('Charge was redriven with an edited input.').waitFor()
    await page.goto('/dead-letters?status=redriven')
    await page.getByRole('link', { name: browser.exhausted }).waitFor()
    await browser.accessible('the dead letters')
  })

  await browser.check('several dead letters are redriven together, and the list keeps up', async () => {
    const ids = ['dead-a', 'dead-b', 'dead-c']
    for (const id of ids) await browser.api('POST', '/v1/runs', { definition: 'demo/mended-order', id, input: { mode: 'fatal', order: id, duration_ms: 1 } })
    await page.goto('/dead-letters')
    for (const id of ids) await page.getByRole('link', { name: id, exact: true }).waitFor()
    await page.getByRole('link', { name: /^Dead letters, \d+ open|Dead letters/ }).first().waitFor()
    await page.getByRole('link', { name: 'simulate' }).first().click()
    await page.waitForURL(/type=simulate/)
    for (const id of ids.slice(0, 2)) await page.getByRole('checkbox', { name: `Choose charge of ${id}` }).check()
    await browser.shot('dead-letters')
    await page.getByRole('button', { name: 'Redrive 2 with their own input' }).click()
    await page.getByRole('status').getByText('2 redriven.').waitFor()
    // They are as hopeless as before: two new letters come by themselves, and the old ones are gone from the list.
    await page.getByRole('row').filter({ hasText: 'dead-a' }).getByRole('cell', { name: '2', exact: true }).waitFor()
    await page.getByRole('link', { name: /type: simulate/ }).click()
    assert(!page.url().includes('type='), 'the way out of a filter leads nowhere')
  })

  await browser.check('a person is asked, answers in the form, and the run goes on', async () => {
    const source = `document: {dsl: 1.0.3, namespace: demo, name: approve, version: 1.0.0}
do:
  - approve:
      call: human-task
      with:
        title: '\${ "Approve order \\(.order)" }'
        description: More than usual.
        data: '\${ . }'
        assignees: [buyers]
        due: PT1H
        form:
          type: object
          required: [ok]
          properties:
            ok: {type: boolean, title: Approved?}
            discount: {type: number, description: In percent}
`
    await browser.api('POST', '/v1/definitions', source, 'application/yaml')
    const { json } = await browser.api('POST', '/v1/runs', { definition: 'demo/approve', input: { order: 7 } })
    await page.goto(`/runs/${json.id}`)
    await page.getByText('buyers is asked: “Approve order 7”.').waitFor()
    await page.goto('/inbox?for=buyers')
    await page.getByRole('link', { name: 'Inbox, 1 open' }).waitFor({ timeout: 20_000 })
    await browser.shot('inbox')
    await browser.accessible('the inbox')
    await page.getByRole('link', { name: 'Approve order 7' }).click()
    await page.getByRole('heading', { name: 'Approve order 7' }).waitFor()
    const button = page.getByRole('button', { name: 'Answer' })
    assert(await button.isDisabled(), 'an answer that lacks what is needed can be given')
    await page.getByLabel('Approved?').selectOption('yes')
    await page.getByLabel('discount').fill('2,5')
    await page.getByText('Write a number, such as 12.5.').waitFor()
    assert(await button.isDisabled(), 'what is no number can be given')
    await page.getByLabel('discount').fill('2.5')
    await page.getByLabel('Your name').fill('Ada')
    await browser.shot('human-task')
    await browser.accessible('a task of a person')
    await button.click()
    await page.getByRole('link', { name: 'See the run go on.' }).click()
    await browser.status('completed')
    await page.getByRole('link', { name: 'History', exact: true }).click()
    await page.getByText('Approve was answered by Ada.').waitFor()
    const { json: ended } = await browser.api('GET', `/v1/runs/${json.id}`)
    assert(JSON.stringify(ended.output) === '{"discount":2.5,"ok":true}', JSON.stringify(ended.output))
    await page.goto('/inbox?status=answered')
    await page.getByText('by Ada').waitFor()
  })

  await browser.check('recoveries tell what broke, who saw it and how long it took', async () => {
    await page.goto('/recoveries')
    await page.getByRole('region', { name: 'Recovery log, newest first' }).getByText('worker died').first().waitFor()
    await page.getByText('seen by the failure detector').first().waitFor()
    await page.getByText('Half of them within').waitFor()
    await browser.shot('recoveries')
    await browser.accessible('the recoveries')
    await page.getByRole('navigation', { name: 'Filter by kind' }).getByRole('link', { name: /^worker died/ }).click()
    await page.waitForURL(/kind=worker_dead/)
    await page.goto('/recoveries?run=no-such-run')
    await page.getByText('No recovery matches').waitFor()
  })

  await browser.check('a run of 1,000 tasks shows its newest, older ones on demand, and only what is in sight', async () => {
    await browser.api('POST', '/v1/definitions', MANY, 'application/yaml')
    await browser.api('POST', '/v1/runs', { definition: 'demo/many', id: 'run-many', input: { count: 1_000 } })
    await page.goto('/runs/run-many')
    await browser.status('completed', 120_000)
    await page.getByText('200 and more').first().waitFor()
    const drawn = await page.locator('.lane-name').count()
    assert(drawn > 5 && drawn < 80, `${drawn} lanes are drawn`)
    await page.locator('.chart').evaluate((chart) => { chart.scrollTop = chart.scrollHeight })
    await page.getByRole('button', { name: 'Show older tasks' }).waitFor()
    await browser.shot('run-many')
    await page.getByRole('link', { name: 'Tasks', exact: true }).click()
    const table = page.getByRole('region', { name: 'Tasks in the order of dispatch' }).getByRole('row')
    const before = await table.count()
    await page.getByRole('button', { name: 'Show older tasks' }).click()
    await page.waitForFunction((count) => document.querySelectorAll('tbody tr').length > count + 100, before)
    await page.getByRole('link', { name: 'History', exact: true }).click()
    await page.getByRole('link', { name: 'newest first' }).click()
    await page.getByText('The run completed.').waitFor()
    await page.getByRole('button', { name: 'Show earlier entries' }).click()
    await page.getByText(/^400 of/).waitFor()
  })

  await browser.check('workers and system are drawn and accessible', async () => {
    await page.goto('/workers')
    await page.getByText('simulate', { exact: true }).first().waitFor()
    await page.getByText(/^\d\.\d s ago$/).first().waitFor()
    await browser.shot('workers')
    await browser.accessible('the workers')
    await page.goto('/system')
    for (const name of ['Services', 'Streams', 'Queues', 'Partitions']) await page.getByRole('region', { name }).first().waitFor()
    // What a batch that decided nothing has read counts as waiting until the next commit.
    await page.getByText(/^(Every event is dealt with\.|At most [\d,]+ events wait)/).waitFor()
    await page.getByText('Each of them').click()
    await browser.shot('system')
    await browser.accessible('the system')
  })
}
