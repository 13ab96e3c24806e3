// Drives the dashboard in a real browser, against whatever engine is at the given address.
//
//   node e2e/dashboard.mjs URL [DIRECTORY]     screenshots go to the directory
//
// CHROMIUM_BIN names the browser, KINTSUGI_TOKEN the token of a gateway that wants one. Prints a line per check and `N passed, N failed`.
import { Browser } from './browser.mjs'
import { demonstration } from './demonstration.mjs'
import { drawing } from './drawing.mjs'
import { lists } from './lists.mjs'
import { trouble } from './trouble.mjs'
import { writing } from './writing.mjs'

const [base, shots] = process.argv.slice(2)
if (!base) {
  console.error('usage: node e2e/dashboard.mjs URL [DIRECTORY]')
  process.exit(2)
}
const browser = await Browser.open(base, shots)
for (const part of [demonstration, drawing, lists, writing, trouble]) await part(browser)
process.exit((await browser.close()) ? 0 : 1)
