import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** Where `npm run dev` finds a gateway. */
const gateway = process.env['KINTSUGI_GATEWAY'] ?? 'http://127.0.0.1:3000'

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    // The polyfill is an inline-free chunk, but every browser we aim at has module preload.
    modulePreload: { polyfill: false },
    // Data URLs would need an exception in the content security policy.
    assetsInlineLimit: 0,
  },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(['/v1', '/health', '/openapi.json', '/docs'].map((path) => [path, gateway])),
  },
})
