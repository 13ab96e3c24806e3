import js from '@eslint/js'
import hooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

/** Forbids imports by pattern, with the reason. */
const forbid = (...patterns) => ({
  'no-restricted-imports': ['error', { patterns: patterns.map(([regex, message]) => ({ regex, message })) }],
})
const APP = ['(^|/)app/', 'Nothing below the app knows the app.']
const FEATURES = ['(^|/)features/', 'ui, api and lib know no feature.']
const SIBLING = ['^\\.\\./(?!\\.\\./)', 'No feature imports another: share through ui, api or lib.']
const UI = ['(^|/)ui/', 'api and lib draw nothing.']
const API = ['(^|/)api/', 'lib is pure, and ui gets its data as properties.']

export default tseslint.config(
  { ignores: ['dist', 'src/api/schema.gen.ts', '.tsbuild'] },
  js.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    extends: [...tseslint.configs.strictTypeChecked],
    plugins: { 'react-hooks': hooks },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...hooks.configs.recommended.rules,
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 110, skipBlankLines: true, skipComments: true }],
      'no-restricted-globals': ['error', { name: 'fetch', message: 'Ask through api/.' }],
    },
  },
  { files: ['src/features/**'], rules: forbid(APP, SIBLING) },
  { files: ['src/ui/**'], rules: forbid(APP, FEATURES, API) },
  { files: ['src/api/**'], rules: { ...forbid(APP, FEATURES, UI), 'no-restricted-globals': 'off' } },
  { files: ['src/lib/**'], rules: forbid(APP, FEATURES, UI, API) },
  { files: ['src/**/*.test.ts'], rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['e2e/**/*.mjs', 'scripts/**/*.mjs'],
    rules: { 'no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' }] },
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly', setTimeout: 'readonly', clearTimeout: 'readonly', setInterval: 'readonly', clearInterval: 'readonly', fetch: 'readonly', document: 'readonly', window: 'readonly', location: 'readonly', Event: 'readonly', getComputedStyle: 'readonly' } },
  },
)
