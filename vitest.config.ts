import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('.', import.meta.url))
const src = `${root}src`
/** The sources; or, with NABLA_TEST_DIST, the built package as Node ('node') or a browser ('browser') loads it. */
const built = process.env.NABLA_TEST_DIST

interface Alias {
  find: string | RegExp
  replacement: string
}
/** The names that package.json maps to dist/, seen from the sources. */
const sources: Alias[] = [
  { find: /^nabla$/, replacement: `${src}/index.ts` },
  { find: 'nabla/methods', replacement: `${src}/tensor/moreMethods.ts` },
  { find: 'nabla/reference', replacement: `${src}/backends/reference/entry.ts` },
  { find: /^nabla\/(recipe|terminal)$/, replacement: `${src}/cli/$1.ts` },
  { find: /^nabla\/(\w+)$/, replacement: `${src}/$1/index.ts` },
]
/** What package.json says. */
function entries(condition: 'browser' | 'default'): Alias[] {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    exports: Record<string, { browser?: string; default: string }>
  }
  return Object.entries(exports).flatMap(([name, file]) => {
    const place = file[condition] ?? file.default
    if (!place) return []
    const find = new RegExp(`^nabla${name.slice(1)}$`)
    return { find, replacement: place.replace('./', root) }
  })
}

/** They measure time or memory, or run several processes that wait for each other. */
const alone = [
  'tests/browser/{page,studioRuns,studioTime}.test.ts',
  'tests/distributed/**/*.test.ts',
  'tests/compile/async.test.ts',
  'tests/compile/programs.test.ts',
  'tests/data/workers.test.ts',
]
const files = {
  include: built
    ? ['tests/laws/**/*.test.ts', 'tests/golden/**/*.test.ts', 'tests/rules/examples.test.ts']
    : ['tests/**/*.test.ts'],
  setupFiles: built === 'browser' ? ['tests/page.setup.ts'] : [],
}

const together = {
  extends: true as const,
  test: { name: 'together', ...files, exclude: alone },
}
const later = {
  extends: true as const,
  test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } },
}

export default defineConfig({
  resolve: {
    alias: [
      { find: '#native', replacement: `${src}/backends/cpu/native.ts` },
      { find: '#platform', replacement: `${src}/backends/cpu/platform.node.ts` },
      { find: '#runner', replacement: `${src}/backends/cpu/platform.node.ts` },
      { find: '#host', replacement: `${src}/core/host.node.ts` },
      { find: '#methods', replacement: `${src}/tensor/moreMethods.ts` },
      { find: '#reference', replacement: `${src}/backends/reference/index.ts` },
      ...(built ? entries(built === 'browser' ? 'browser' : 'default') : sources),
    ],
  },
  test: {
    globalSetup: ['tests/setup.ts'],
    // Built files are loaded as they are.
    server: { deps: { external: [/\/dist\//] } },
    // A native addon that is loaded by several worker threads of one process is a test of its own;
    // everything else gets processes.
    pool: 'forks',
    // As many as there are cores; vitest's own default leaves one free.
    maxWorkers: availableParallelism(),
    testTimeout: 30_000,
    projects: built ? [together] : [together, later],
  },
})
