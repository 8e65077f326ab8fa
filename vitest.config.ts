import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const src = fileURLToPath(new URL('./src', import.meta.url))

export default defineConfig({
  resolve: {
    // The names that package.json maps to dist/, seen from the sources.
    alias: [
      { find: '#native', replacement: `${src}/backends/cpu/native.ts` },
      { find: '#platform', replacement: `${src}/backends/cpu/platform.node.ts` },
      { find: '#host', replacement: `${src}/core/host.node.ts` },
      { find: /^nabla$/, replacement: `${src}/index.ts` },
      { find: /^nabla\/(recipe|terminal)$/, replacement: `${src}/cli/$1.ts` },
      { find: /^nabla\/(\w+)$/, replacement: `${src}/$1/index.ts` },
    ],
  },
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/setup.ts'],
    // A native addon that is loaded by several worker threads of one process is a test of its own;
    // everything else gets processes.
    pool: 'forks',
    testTimeout: 30_000,
  },
})
