import { expect, test } from 'vitest'
import { nextTheme, readTheme } from './theme'

test('what is not known leaves the choice to the system', () => {
  expect([null, undefined, '', 'sepia', 'dark'].map(readTheme)).toEqual(['system', 'system', 'system', 'system', 'dark'])
})

test('the choices come in turn', () => {
  expect([nextTheme('system'), nextTheme('light'), nextTheme('dark')]).toEqual(['light', 'dark', 'system'])
})
