// `npm test`: brings everything up to date, then types, lint, kernels, WebAssembly files, and the tests of the
// TypeScript side. `npm test -- NAME...` runs the stages named. Ends with one line of counts.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ensure } from './ensure.mjs'
import { findChromium } from './chromium.mjs'
import { root } from './targets.mjs'

const wanted = process.argv.slice(2)
// With this set nothing may be skipped: continuous integration has every tool.
const strict = process.env.NABLA_TEST_REQUIRE_ALL === '1'
const counts = { passed: 0, failed: 0, skipped: 0 }

const count = (status, what, detail = '') => {
  const final = status === 'skipped' && strict ? 'failed' : status
  counts[final]++
  if (final !== 'passed' || detail)
    console.log(`${final.padEnd(7)} ${what}${detail && `: ${detail}`}`)
}

function run(what, command, args) {
  const start = performance.now()
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  count(
    status === 0 ? 'passed' : 'failed',
    what,
    `${((performance.now() - start) / 1000).toFixed(1)} s`,
  )
}

/** The tests of the TypeScript side, on the sources or on the built package as 'node' or 'browser' loads it. */
function vitest(built) {
  mkdirSync(`${root}/build`, { recursive: true })
  const out = `${root}/build/vitest${built ? `-${built}` : ''}.json`
  const { status } = spawnSync(
    'node',
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${out}`,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, NO_COLOR: '1', CI: '1', ...(built && { NABLA_TEST_DIST: built }) },
    },
  )
  try {
    const report = JSON.parse(readFileSync(out, 'utf8'))
    counts.passed += report.numPassedTests
    counts.failed += report.numFailedTests
    counts.skipped += report.numPendingTests
    if (status !== 0 && report.numFailedTests === 0) count('failed', 'vitest', `exit ${status}`)
  } catch {
    count('failed', 'vitest', 'no report')
  }
}

const stages = {
  types: () => run('types', 'node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']),
  lint: () => run('lint', 'node', ['node_modules/@biomejs/biome/bin/biome', 'check', '.']),
  async kernels() {
    const { testNative } = await import('./test-native.mjs')
    for (const { name, status, reason = '' } of await testNative()) count(status, name, reason)
  },
  async wasm() {
    const { buildWasm, findClang } = await import('./build-wasm.mjs')
    const clang = await findClang()
    if (!clang) return count('skipped', 'WebAssembly files', 'no clang 19')
    for (const { name, same } of await buildWasm(clang, { check: true }))
      count(same ? 'passed' : 'failed', `${name}.wasm is what the sources give`)
  },
  async platforms() {
    const { testPlatforms } = await import('./test-platforms.mjs')
    for (const { name, status, reason = '' } of await testPlatforms())
      count(status, `the package of ${name} trains there`, reason)
  },
  async install() {
    const { testInstall } = await import('./test-install.mjs')
    for (const { name, status, reason } of await testInstall()) count(status, name, reason)
  },
  golden() {
    // Debian's own Python, which has Debian's PyTorch, whatever comes first on PATH.
    const python = '/usr/bin/python3'
    const has =
      spawnSync(python, ['-c', 'import torch, torchaudio, torchvision, sklearn, networkx, PIL'])
        .status === 0
    if (!has)
      return count(
        'skipped',
        'golden numbers',
        'no PyTorch, torchaudio, torchvision, scikit-learn, networkx or Pillow (apt-get install python3-torch python3-torchaudio python3-torchvision python3-sklearn python3-networkx python3-pil netpbm libjpeg-turbo-progs)',
      )
    run('golden numbers are what PyTorch gives', python, ['tests/golden/make.py', '--check'])
  },
  docs() {
    // The site has packages of its own, which nothing else needs.
    const npm = ['--prefix', 'docs', '--no-audit', '--no-fund', '--ignore-scripts']
    run('packages of the site', 'npm', ['ci', ...npm])
    run('the site, its programs and its reference', 'npm', ['run', 'build', ...npm.slice(0, 2)])
    if (findChromium()) run('every page in Chromium', 'node', ['docs/scripts/visit.mjs'])
    else count('skipped', 'every page in Chromium', 'no chromium on PATH')
  },
  vitest: () => vitest(),
  // The laws, the golden numbers and the examples once more, on what is shipped.
  'dist-node': () => vitest('node'),
  'dist-browser': () => vitest('browser'),
}

/** Stages that keep one core busy each, and need no quiet: they run side by side, and print when they have ended. */
const beside = ['platforms', 'golden', 'docs']

/** A stage in a process of its own. */
function inProcess(name) {
  const child = spawn('node', [fileURLToPath(import.meta.url), name], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part) => (text += part))
  return new Promise((resolve) =>
    child.on('close', (code) => {
      console.log(text.trimEnd())
      // Its own count is what it says last.
      const own = /(?:\n(\d+) skipped\n)?\n(\d+) passed, (\d+) failed\n*$/.exec(text)
      if (!own) count('failed', name, `exit ${code}`)
      const [skipped = 0, passed = 0, failed = 0] = own?.slice(1).map((n) => Number(n ?? 0)) ?? []
      counts.skipped += skipped
      counts.passed += passed
      counts.failed += failed
      resolve()
    }),
  )
}

await ensure('packages', 'native-all', 'dist')
const chosen = Object.keys(stages).filter((name) => wanted.length === 0 || wanted.includes(name))
const together = chosen.length > 1 ? chosen.filter((name) => beside.includes(name)) : []
for (const name of chosen) {
  if (together.includes(name)) continue
  console.log(`\n== ${name}`)
  await stages[name]()
}
await Promise.all(together.map(inProcess))
if (counts.skipped > 0) console.log(`\n${counts.skipped} skipped`)
console.log(`\n${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed > 0 ? 1 : 0
