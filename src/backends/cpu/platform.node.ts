/** What Node gives: files, environment variables, worker threads, the native addon. */
import { Buffer } from 'node:buffer'
import { existsSync, readFileSync } from 'node:fs'
import nodeModule from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ValueError } from '../../core/errors.js'
import { showValue } from '../../core/options.js'
import type { Addon } from './native.js'
import type { WasmFile } from './variant.js'

/** Where this file lies; bundlers that make CommonJS leave nothing of `import.meta`. */
const here = new URL(import.meta.url ?? pathToFileURL(__filename))
// By the module's object: webpack replaces a call of the imported name.
const require = nodeModule.createRequire(here)

/** A file of the package: by its place from here or, when a bundler has moved this file, where the package is installed. */
function ownFile(path: string): string {
  const file = fileURLToPath(new URL(`../../../${path}`, here))
  if (existsSync(file)) return file
  try {
    return join(dirname(require.resolve('nabla/package.json')), path)
  } catch {
    return file
  }
}

const { node, bun, deno } = process.versions
export const runtime: Record<string, string> = {
  ...(bun ? { bun } : deno ? { deno } : { node }),
}

const isas = ['avx512', 'avx2', 'base', 'neon', 'simd', 'relaxed']
/** Variables that may hold certain values only: a wrong one is refused by its name, not passed by. */
const allowed: Record<string, { holds: (text: string) => boolean; rule: string }> = {
  NABLA_BACKEND: {
    holds: (v) => ['native', 'wasm', 'reference'].includes(v),
    rule: 'must be native, wasm or reference',
  },
  NABLA_THREADS: {
    holds: (v) => /^[1-9]\d?$/.test(v) && Number(v) <= 64,
    rule: 'must be a whole number from 1 to 64',
  },
  NABLA_ISA: { holds: (v) => isas.includes(v), rule: `must be one of ${isas.join(', ')}` },
}
/** An environment variable; undefined when it is missing or empty. @throws ValueError for one that cannot be */
export function env(name: string): string | undefined {
  const text = process.env[name] || undefined
  const check = allowed[name]
  if (text !== undefined && check && !check.holds(text))
    throw new ValueError({
      op: 'environment',
      rule: `${name} ${check.rule}`,
      got: showValue(text),
      fix: 'Set it to one of these, or leave it out.',
    })
  return text
}

export const cores = (): number => Math.min(64, availableParallelism())

/** Memory with undefined contents: zeroing pages that are written anyway costs as much as writing them. */
export const rawBuffer = (bytes: number): ArrayBuffer =>
  Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer

interface Found {
  addon?: Addon
  /** Where it lies. */
  file?: string
  /** Why there is none. */
  reason?: string
}
let found: Found | undefined

const manifest = (file: string): { version?: string } => JSON.parse(readFileSync(file, 'utf8'))

/** The packages with prebuilt addons for this system: see scripts/platforms.mjs. */
function prebuiltNames(): string[] {
  const system = `nabla-${process.platform}-${process.arch}`
  // npm before 10.4 installs those of both C libraries; that of the other one does not load.
  return process.platform === 'linux' ? [`${system}-gnu`, `${system}-musl`] : [system]
}
function prebuilt(): Found {
  const own = ownFile('package.json')
  let problem: unknown
  for (const name of prebuiltNames())
    try {
      const file = require.resolve(`${name}/nabla.node`)
      const { version } = manifest(join(dirname(file), 'package.json'))
      // Another version's addon may understand other programs.
      if (existsSync(own) && manifest(own).version !== version)
        throw new Error(`${name} is ${version}, which is not the version of nabla`)
      return usable(file)
    } catch (error) {
      // A package that is not there says less than one that does not load.
      if (!problem || (error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') problem = error
    }
  throw problem
}

function usable(file: string): Found {
  const addon = require(file) as Addon
  if (addon.isas().length === 0)
    throw new Error('it was built for another processor: npm rebuild nabla')
  return { addon, file }
}

/** The native addon: the file that NABLA_ADDON names, or else the prebuilt one, or else the one that was built here. */
export function loadAddon(): Found {
  if (found) return found
  const chosen = env('NABLA_ADDON')
  const local = ownFile('build/nabla.node')
  const tries = chosen ? [() => usable(resolve(chosen))] : [prebuilt, () => usable(local)]
  const reasons: string[] = []
  for (const attempt of tries)
    try {
      found = attempt()
      return found
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException
      if (code !== 'MODULE_NOT_FOUND' || chosen) reasons.push(message.split('\n', 1)[0]!)
    }
  const missing = `there is no ${[...prebuiltNames(), 'build/nabla.node'].join(', no ')}`
  found = { reason: reasons.join('; ') || missing }
  return found
}

/** One line in a process, on stderr, where the default is WebAssembly because there is no addon. */
export function tellFallback(reason: string): void {
  if (env('NABLA_QUIET')) return
  const { getEnvironmentData, setEnvironmentData } =
    require('node:worker_threads') as typeof import('node:worker_threads')
  const key = 'nabla: told of WebAssembly'
  // Threads that start later see what is set here.
  if (getEnvironmentData(key)) return
  setEnvironmentData(key, true)
  try {
    process.stderr.write(
      `nabla: computing with WebAssembly, since the native addon is missing (${reason}). ` +
        'Install without --omit=optional or --ignore-scripts, or run npm rebuild nabla (pnpm approve-builds, yarn rebuild nabla); NABLA_BACKEND=wasm or NABLA_QUIET=1 hides this line.\n',
    )
  } catch {
    // A program without a standard error goes on.
  }
}

export function placeOf(file: WasmFile): string {
  const beside = fileURLToPath(new URL(`./wasm/nabla-${file}.wasm`, here))
  return existsSync(beside) ? beside : ownFile(`dist/backends/cpu/wasm/nabla-${file}.wasm`)
}

export function readBytesNow(place: string | URL, _file?: WasmFile): Uint8Array<ArrayBuffer> {
  const path = String(place).startsWith('file:') ? fileURLToPath(place) : String(place)
  return new Uint8Array(readFileSync(path))
}
export const fetchBytes = async (place: string | URL): Promise<Uint8Array<ArrayBuffer>> =>
  readBytesNow(place)

/** Each worker enters the pool of the shared memory and stays, without keeping the process alive. */
const workerSource = `
// No names that a runtime may have given already: Bun has \`module\` in scripts that are given as text.
const given = require('node:worker_threads').workerData
const core = new WebAssembly.Instance(given.module, { env: { memory: given.memory } }).exports
core.__stack_pointer.value = given.stack
core.nabla_worker(given.thread)
`
export const canStartWorkers = (): boolean => true
export function startWorker(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  stack: number,
  thread: number,
): void {
  // Loaded when it is needed, which keeps it out of the start of programs.
  const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
  const worker = new Worker(workerSource, {
    eval: true,
    workerData: { module, memory, stack, thread },
    execArgv: [],
    env: {},
    stdout: false,
    stderr: false,
  })
  worker.unref()
}

/** A worker that is given as text; `ref` and `unref` say whether the process waits for it. */
export function startRunner(
  source: string,
  receive: (message: unknown) => void,
  failed: (error: string) => void,
) {
  const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
  const worker = new Worker(source, { eval: true, execArgv: [], env: {} })
  worker.on('message', receive)
  worker.on('error', (error) => failed(String(error)))
  worker.unref()
  return {
    post: (message: object, transfer: readonly ArrayBuffer[] = []): void =>
      worker.postMessage(message, transfer),
    ref: (): void => worker.ref(),
    unref: (): void => worker.unref(),
  }
}
