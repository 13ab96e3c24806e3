// Holds the bundle to its budget: everything that the first page loads, compressed.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const BUDGET_KB = 150
const dist = new URL('../dist/', import.meta.url).pathname

const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
const kb = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0) / 1000
console.log(`dist: ${files.length} files, ${kb.toFixed(1)} kB gzip (budget ${BUDGET_KB} kB)`)
if (kb > BUDGET_KB) {
  console.error('dist is over its budget')
  process.exit(1)
}
