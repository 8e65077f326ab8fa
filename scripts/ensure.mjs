// Brings a clone up to date before a command runs: packages, native addon, JavaScript in dist/, studio.
// Plain Node, and quick when there is nothing to do. `node scripts/ensure.mjs [packages|native|native-all|dist|studio]...`
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { pathToFileURL } from 'node:url'
import { hash } from './cxx.mjs'
import { writeOpcodes } from './opcodes.mjs'
import { root, wasmFolder } from './targets.mjs'

const log = (line) => process.stderr.write(`nabla: ${line}\n`)

/** Runs a program to its end, its output on stderr so that stdout is the command's own. */
function must(command, args, what) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status === 0) return
  log(error ? `${what} failed: ${error.message}` : `${what} failed, see above`)
  process.exit(1)
}

// Compares what is installed with the lock file, version by version; times of files say nothing here.
function packagesAreCurrent() {
  try {
    const read = (file) => JSON.parse(readFileSync(`${root}/${file}`, 'utf8')).packages
    const have = read('node_modules/.package-lock.json')
    return Object.entries(read('package-lock.json')).every(
      ([path, { version, optional, peer }]) =>
        path === '' || (have[path] ? have[path].version === version : optional || peer),
    )
  } catch {
    return false
  }
}

function ensurePackages() {
  if (packagesAreCurrent()) return
  log('installing packages')
  const fresh = !existsSync(`${root}/node_modules`)
  // The addon is built by the next step, which also tells about it.
  must(
    'npm',
    [fresh ? 'ci' : 'install', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'],
    'npm',
  )
}

/** For this processor, or for `every` instruction set of its family. */
async function ensureNative(every) {
  const { buildNative } = await import('./build-native.mjs')
  try {
    const { built, seconds } = await buildNative({ log, ...(every && { isas: 'all' }) })
    if (built) log(`native addon built in ${seconds.toFixed(1)} s`)
  } catch (error) {
    log(
      `no native addon (${error.message.split('\n', 1)[0]}); the WebAssembly backend will be used`,
    )
    if (process.env.NABLA_DEBUG) log(error.message)
  }
}

const filesUnder = (folder) =>
  readdirSync(`${root}/${folder}`, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
    .sort()

async function ensureDist() {
  writeOpcodes()
  const inputs = [
    ...filesUnder('src'),
    ...filesUnder('examples'),
    ...[
      'tsconfig.json',
      'tsconfig.build.json',
      'tsconfig.examples.json',
      'package.json',
      'scripts/bundle.mjs',
      'scripts/inner-names.mjs',
      'scripts/syntax.mjs',
      'scripts/texts.mjs',
      'scripts/transforms.mjs',
      'scripts/bundle-commonjs.mjs',
    ].map((f) => `${root}/${f}`),
  ]
  const print = hash(
    ...inputs.map((file) => {
      const { mtimeMs, size } = statSync(file)
      return `${file} ${mtimeMs} ${size}`
    }),
  )
  const stamp = `${root}/build/dist.stamp`
  if (existsSync(`${root}/dist`) && existsSync(stamp) && readFileSync(stamp, 'utf8') === print)
    return
  log('compiling TypeScript')
  rmSync(stamp, { force: true })
  const { bundleBrowser, bundleForRequire, bundleNode, declareEntries } = await import(
    './bundle.mjs'
  )
  const tsc = (project) =>
    must(
      'node',
      ['node_modules/typescript/bin/tsc', '-p', project],
      `the TypeScript compiler (${project})`,
    )
  tsc('tsconfig.build.json')
  declareEntries()
  // The examples see the package as its users do, so they come after it.
  tsc('tsconfig.examples.json')
  // What is left of files that are no more.
  const sourceOf = (file) => file.replace(/(\.d\.ts|\.js)$/, '.ts')
  for (const file of filesUnder('build/js'))
    if (!existsSync(sourceOf(file).replace('/build/js/', '/src/'))) rmSync(file)
  const written = new Set(await bundleNode())
  await bundleForRequire()
  await bundleBrowser()
  for (const file of filesUnder('dist')) {
    const path = file.slice(`${root}/dist/`.length).replace(/^cjs\/(.*\.d\.ts)$/, '$1')
    if (
      /^(browser|cjs|studio)\/|\.wasm$|nabla-texts\.txt$|^globals\.d\.ts$/.test(path) ||
      written.has(path)
    )
      continue
    const source = path.startsWith('examples/') ? sourceOf(path) : `src/${sourceOf(path)}`
    if (!existsSync(`${root}/${source}`) || (path.endsWith('.js') && source.startsWith('src/')))
      rmSync(file)
  }
  const wasm = `${root}/${wasmFolder}`
  if (existsSync(wasm)) cpSync(wasm, wasm.replace('/src/', '/dist/'), { recursive: true })
  mkdirSync(`${root}/build`, { recursive: true })
  writeFileSync(stamp, print)
}

/** The pages of `nabla studio`: they name the engine's entries only, so that only their own sources count. */
async function ensureStudio() {
  const inputs = [
    ...filesUnder('studio'),
    ...['scripts/build-studio.mjs', 'package-lock.json'].map((f) => `${root}/${f}`),
  ]
  const print = hash(...inputs.map((file) => `${file} ${readFileSync(file, 'utf8')}`))
  const stamp = `${root}/build/studio.stamp`
  const built = existsSync(`${root}/dist/studio/index.html`)
  if (built && existsSync(stamp) && readFileSync(stamp, 'utf8') === print) return
  log('building the studio')
  const { buildStudio } = await import('./build-studio.mjs')
  await buildStudio()
  mkdirSync(`${root}/build`, { recursive: true })
  writeFileSync(stamp, print)
}

export async function ensure(...parts) {
  const wanted = (part) => parts.length === 0 || parts.includes(part)
  if (wanted('packages')) ensurePackages()
  if (parts.includes('native-all')) await ensureNative(true)
  else if (wanted('native')) await ensureNative(false)
  if (wanted('dist')) await ensureDist()
  if (wanted('studio')) await ensureStudio()
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await ensure(...process.argv.slice(2))
