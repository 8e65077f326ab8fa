/** What Node gives: files, environment variables, worker threads, the native addon. */
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Addon } from './native.js'
import type { WasmVariant } from './variant.js'

const require = createRequire(import.meta.url)

export const runtime = { node: process.versions.node }

export const env = (name: string): string | undefined => process.env[name] || undefined

export const cores = (): number => Math.min(64, availableParallelism())

/** Memory with undefined contents: zeroing pages that are written anyway costs as much as writing them. */
export const rawBuffer = (bytes: number): ArrayBuffer =>
  Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer

let addon: { addon?: Addon; reason?: string } | undefined

/** The native addon, or why there is none. */
export function loadAddon(): { addon?: Addon; reason?: string } {
  if (addon) return addon
  try {
    const file = fileURLToPath(new URL('../../../build/nabla.node', import.meta.url))
    addon = { addon: require(file) as Addon }
  } catch (error) {
    addon = { reason: (error as Error).message.split('\n', 1)[0]! }
  }
  return addon
}

export function wasmModule(variant: WasmVariant): WebAssembly.Module {
  const url = new URL(`./wasm/nabla-${variant}.wasm`, import.meta.url)
  return new WebAssembly.Module(readFileSync(url))
}

/** Each worker enters the pool of the shared memory and stays, without keeping the process alive. */
const workerSource = `
const { module, memory, stack, thread } = require('node:worker_threads').workerData
const { exports } = new WebAssembly.Instance(module, { env: { memory } })
exports.__stack_pointer.value = stack
exports.nabla_worker(thread)
`
export const canStartWorkers = true
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
