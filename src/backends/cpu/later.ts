/**
 * Programs in a worker, for `step.async`: the worker has a memory of its own, to which tensors are copied when they are
 * first used or have changed since; results and changed tensors come back with their memory transferred.
 */
import { startRunner } from '#runner'
import { BackendError } from '../../core/errors.js'
import { bytesOf, newArray, type TypedArray } from '../../core/dtype.js'
import type { Backend, Storage } from '../backend.js'
import type { HostStorage } from '../host.js'
import { type Bindings, indexError, rejected } from './executable.js'
import { loadLater, variantFor, wasmModule } from './files.js'
import type { Program } from './program.js'
import { runnerSource } from './runner.js'
import { type WasmFile, wasmParts } from './variant.js'

/** A storage of the CPU backends. */
export interface LaterStorage extends HostStorage {
  /** Counts what may have changed the elements: runs, and who asked for `array()`. */
  edition: number
  /** Calls that are changing it. */
  busy: number
}

/** What the worker computes with. */
export type Engine = { file: string; isa: string; threads: number } | { wasm: true }

/** A program and how it is bound. */
export interface LaterProgram {
  backend: Backend
  engine: () => Engine
  program: Program
  bindings: Bindings
}

interface Reply {
  call: number
  problem?: string
  missing?: number
  fault?: [check: number, value: number, lo: number, hi: number]
  results?: ArrayBuffer[]
  changed?: ArrayBuffer[]
}

/** A tensor that was sent so often stays in the worker. */
const USES = 2

class Runner {
  private readonly port: ReturnType<typeof startRunner>
  private readonly waiting = new Map<
    number,
    { done: (r: Reply) => void; failed: (e: Error) => void }
  >()
  private calls = 0
  private names = 0
  private readonly programs = new WeakMap<LaterProgram, Promise<number>>()
  private readonly storages = new WeakMap<
    Storage,
    { name: number; uses: number; edition: number }
  >()
  private readonly collected = new FinalizationRegistry<object>((message) =>
    this.port.post(message),
  )
  private readonly wasm: boolean

  constructor(engine: Engine) {
    this.wasm = 'wasm' in engine
    this.port = startRunner(
      runnerSource,
      (reply) => {
        const { call } = reply as Reply
        const entry = this.waiting.get(call)
        this.waiting.delete(call)
        if (this.waiting.size === 0) this.port.unref()
        entry?.done(reply as Reply)
      },
      (error) => {
        const problem = new BackendError({
          op: 'async',
          rule: 'a worker must be able to start and run',
          got: error,
          fix: "A page's Content-Security-Policy must allow it: worker-src blob:.",
        })
        for (const { failed } of this.waiting.values()) failed(problem)
        this.waiting.clear()
        runners.clear()
      },
    )
    this.port.post(
      'wasm' in engine
        ? { job: 'start', core: wasmModule(variantFor(1)) }
        : { job: 'start', ...engine },
    )
  }

  private ask(message: object, transfer: ArrayBuffer[] = []): Promise<Reply> {
    return new Promise((done, failed) => {
      const call = this.calls++
      if (this.waiting.size === 0) this.port.ref()
      this.waiting.set(call, { done, failed })
      this.port.post({ ...message, call }, transfer)
    })
  }

  /** The program's name in the worker. */
  private load(p: LaterProgram): Promise<number> {
    let name = this.programs.get(p)
    if (!name) {
      name = this.send(p)
      this.programs.set(p, name)
    }
    return name
  }
  private async send(p: LaterProgram): Promise<number> {
    const program = this.names++
    const { words, slots, arenaBytes } = p.program
    const message = {
      job: 'load',
      program,
      code: words,
      slots: slots.length,
      arena: p.bindings.arena,
      arenaBytes,
    }
    for (;;) {
      const { problem, missing } = await this.ask(message)
      if (problem) throw rejected(problem)
      if (!missing || !this.wasm) break
      const file = `${variantFor(1)}-${wasmParts[missing - 1]}` as WasmFile
      await loadLater(file)
      this.port.post({ job: 'part', part: missing, module: wasmModule(file) })
    }
    this.collected.register(p, { job: 'free', program })
    return program
  }

  async run(
    p: LaterProgram,
    inputs: readonly LaterStorage[],
    outputs: readonly LaterStorage[],
    offsets: readonly number[],
  ): Promise<void> {
    const program = await this.load(p)
    const transfer: ArrayBuffer[] = []
    const copy = (s: LaterStorage, from: number, count: number): ArrayBuffer => {
      const { edition } = s
      const array = s.array()
      s.edition = edition // it was read only
      const { buffer } = array.slice(from, from + count)
      transfer.push(buffer as ArrayBuffer)
      return buffer as ArrayBuffer
    }
    const changed: LaterStorage[] = []
    const bound = p.bindings.inputs.map((b) => {
      const s = inputs[b.index]!
      const start = offsets[b.index] ?? 0
      let known = this.storages.get(s)
      if (!known) {
        known = { name: this.names++, uses: 0, edition: -1 }
        this.storages.set(s, known)
      }
      // What is changed must stay; what comes once, or in small parts of something large, goes with the call.
      const stay = b.written || (++known.uses >= USES && s.length <= 2 * b.length)
      if (b.written) changed.push(s)
      if (!stay && known.edition !== s.edition) {
        const bytes = b.length * b.width
        return { slot: b.slot, offset: 0, bytes, data: copy(s, start, b.length) }
      }
      const bytes = s.length * b.width
      const place = { slot: b.slot, storage: known.name, offset: start * b.width, bytes }
      if (known.edition === s.edition) return place
      if (known.edition < 0) this.collected.register(s, { job: 'drop', storage: known.name })
      known.edition = s.edition
      return { ...place, data: copy(s, 0, s.length) }
    })
    for (const s of changed) s.busy++
    let reply: Reply
    try {
      reply = await this.ask(
        {
          job: 'run',
          program,
          inputs: bound,
          outputs: p.bindings.outputs.map((b) => ({ slot: b.slot, bytes: b.length * b.width })),
          changed: changed.map((s) => ({
            storage: this.storages.get(s)!.name,
            bytes: s.length * bytesOf(s.dtype),
          })),
        },
        transfer,
      )
    } finally {
      for (const s of changed) s.busy--
    }
    if (reply.problem) throw rejected(reply.problem)
    const put = (s: LaterStorage, data: ArrayBuffer, count: number) => {
      const Kind = newArray(s.dtype, 0).constructor as new (b: ArrayBuffer) => TypedArray
      const { busy } = s
      s.busy = 0
      s.array().set(new Kind(data).subarray(0, count) as never)
      s.busy = busy
    }
    changed.forEach((s, i) => {
      put(s, reply.changed![i]!, s.length)
      this.storages.get(s)!.edition = s.edition
    })
    if (reply.fault) throw indexError(p.program, ...reply.fault)
    p.bindings.outputs.forEach((b, i) => {
      put(outputs[b.index]!, reply.results![i]!, b.length)
    })
  }
}

/** One for each backend. */
const runners = new Map<Backend, Runner>()

/** Runs a program in the backend's worker. */
export async function runLater(
  p: LaterProgram,
  inputs: readonly Storage[],
  outputs: readonly Storage[],
  offsets: readonly number[],
): Promise<void> {
  const engine = p.engine()
  if ('wasm' in engine) await loadLater(variantFor(1))
  let runner = runners.get(p.backend)
  if (!runner) {
    runner = new Runner(engine)
    runners.set(p.backend, runner)
  }
  await runner.run(p, inputs as LaterStorage[], outputs as LaterStorage[], offsets)
}

let last: Promise<unknown> = Promise.resolve()
/** Does jobs one after the other, in the order of the calls: what one changes, the next one finds. */
export function inTurn<T>(job: () => Promise<T>): Promise<T> {
  const mine = last.then(job)
  last = mine.catch(() => {})
  return mine
}
