/** The CPU backends below the encoder: programs written by hand, memory, threads, errors. */
import { callOf } from '../../src/backends/call.js'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { hostArray } from '../../src/backends/host.js'
import type { Backend, Executable, Storage } from '../../src/backends/backend.js'
import { Heap } from '../../src/backends/cpu/memory.js'
import { nativeBackend, nativeProblem } from '../../src/backends/cpu/native.js'
import type { Program, SlotPlan } from '../../src/backends/cpu/program.js'
import { AgingPool } from '../../src/backends/cpu/agingPool.js'
import { BufferPool } from '../../src/backends/cpu/pool.js'
import { hasRelaxedSimd } from '../../src/backends/cpu/variant.js'
import { wasmBackend } from '../../src/backends/cpu/wasm.js'
import type { Graph, GraphOutput, Node } from '../../src/backends/ir.js'
import type { DType } from '../../src/core/dtype.js'
import { BackendError, IndexError } from '../../src/core/errors.js'

type Loader = Backend & { load(program: Program, graph: Graph): Executable }

const input = (index: number, dtype: DType, length: number): Node => ({
  prim: { op: 'input', index, strides: [1], offset: 0, length },
  inputs: [],
  shape: [length],
  dtype,
  label: callOf('input'),
})

/** A program of the instructions; `fresh` are the types of its outputs, `into` the inputs it updates. */
function load(
  backend: Backend,
  slots: SlotPlan[],
  code: number[][],
  inputs: Node[],
  fresh: DType[],
  into: number[] = [],
): Executable {
  const instructions = code.map(([op, ...rest]) => [op!, rest.length + 2, ...rest])
  const sizes = slots.flatMap((s) => [s.bytes, 0])
  const body = [...sizes, ...instructions.flat()]
  const words = Int32Array.of(0x414c424e, 1, 5 + body.length, slots.length, code.length, ...body)
  const arena = slots.map((s) => (s.kind === 'arena' ? s.offset + s.bytes : 0))
  const program: Program = {
    words,
    slots,
    arenaBytes: Math.max(0, ...arena),
    checks: [{ call: callOf('take'), what: 'index' }],
  }
  const outputs: GraphOutput[] = [
    ...fresh.map((dtype) => ({ node: { ...input(0, dtype, 0), label: callOf('output') } })),
    ...into.map((i) => ({ node: inputs[i]!, into: i })),
  ]
  return (backend as Loader).load(program, { inputs, nodes: inputs, outputs })
}

const FILL = 3
const COPY = 4
const bits = (x: number) => new Int32Array(Float32Array.of(x).buffer)[0]!
const TAKE = 5
const SET = 0
const ADD = 1
/** n floats of input 0 to output 0. */
const copyProgram = (backend: Backend, n: number) =>
  load(
    backend,
    [
      { kind: 'input', index: 0, offset: 0, bytes: 4 * n },
      { kind: 'output', index: 0, offset: 0, bytes: 4 * n },
    ],
    [[COPY, 0, SET, 1, n, 0, 0, 1, 1, 0, 1]],
    [input(0, 'float32', n)],
    ['float32'],
  )
/** Input 0 += input 1, in place. */
const addProgram = (backend: Backend, n: number) =>
  load(
    backend,
    [
      { kind: 'input', index: 0, offset: 0, bytes: 4 * n },
      { kind: 'input', index: 1, offset: 0, bytes: 4 * n },
    ],
    [[COPY, 0, ADD, 1, n, 1, 0, 1, 0, 0, 1]],
    [input(0, 'float32', n), input(1, 'float32', n)],
    [],
    [0],
  )
/** 10, 11, 12, 13, which the program writes itself, at the indices of input 0, by way of the arena. */
const takeProgram = (backend: Backend, n: number) =>
  load(
    backend,
    [
      { kind: 'input', index: 0, offset: 0, bytes: 4 * n },
      { kind: 'arena', index: -1, offset: 0, bytes: 16 },
      { kind: 'arena', index: -1, offset: 64, bytes: 4 * n },
      { kind: 'output', index: 0, offset: 0, bytes: 4 * n },
    ],
    [
      ...[10, 11, 12, 13].map((x, i) => [FILL, 0, 1, bits(x), 0, 1, i]),
      [TAKE, 0, 1, 4, 1, n, 1, 0, 0, 0, 2, 0, 0],
      [COPY, 0, SET, 1, n, 2, 0, 1, 3, 0, 1],
    ],
    [input(0, 'int32', n)],
    ['float32'],
  )

const list = (s: Storage) => [...hostArray(s)]

const backends: [string, () => Backend | undefined][] = [
  ['native', nativeBackend],
  ['wasm', wasmBackend],
]

describe.each(backends)('%s', (name, make) => {
  const here = make()
  test.runIf(!here)('says why it cannot run', () => expect(nativeProblem()).toBeTruthy())
  if (!here) return
  const backend = here

  test('runs a program at any place of a storage', () => {
    const run = copyProgram(backend, 3)
    const x = backend.from('float32', Float32Array.of(0, 1, 2, 3, 4, 5))
    const y = backend.alloc('float32', 3)
    run.run([x], [y])
    expect(list(y)).toEqual([0, 1, 2])
    run.run([x], [y], [3])
    expect(list(y)).toEqual([3, 4, 5])
    hostArray(x)[5] = 7 // what the host writes is seen by the next run
    run.run([x], [y], [3])
    expect(list(y)).toEqual([3, 4, 7])
  })

  test.each([0, 1, 33, 5000, 100_000])('takes arrays of %i elements', (n) => {
    const values = Float32Array.from({ length: n }, (_, i) => i % 1000)
    const whole = backend.from('float32', values.slice())
    const part = backend.from('float32', new Float32Array([9, ...values, 9]).subarray(1, n + 1))
    expect(list(whole)).toEqual([...values])
    expect(list(part)).toEqual([...values])
    const y = backend.alloc('float32', n)
    const run = copyProgram(backend, n)
    run.run([part], [y])
    run.run([whole], [y])
    expect(hostArray(y)).toEqual(values)
  })

  test('writes in place, again and again', () => {
    const add = addProgram(backend, 100)
    const box = backend.from('float32', new Float32Array(101).fill(1))
    const one = backend.from('float32', new Float32Array(100).fill(1))
    for (let i = 0; i < 20; i++) add.run([box, one], [], [1, 0])
    expect(list(box)).toEqual([1, ...new Array(100).fill(21)])
    hostArray(box)[1] = 5
    add.run([box, one], [], [1, 0])
    expect(list(box).slice(0, 3)).toEqual([1, 6, 22])
    // An output may be a storage that a program wrote in place before.
    copyProgram(backend, 101).run([backend.from('float32', new Float32Array(101))], [box])
    expect(list(box)).toEqual(new Array(101).fill(0))
  })

  test('keeps working memory of a program', () => {
    const take = takeProgram(backend, 3)
    expect(take.arenaBytes).toBe(76)
    const y = backend.alloc('float32', 3)
    for (const ids of [
      [0, 3, 1],
      [2, 2, 0],
    ]) {
      take.run([backend.from('int32', Int32Array.from(ids))], [y])
      expect(list(y)).toEqual(ids.map((i) => 10 + i))
    }
  })

  test('reports an index out of range by its operation and value', () => {
    const take = takeProgram(backend, 3)
    const bad = backend.from('int32', Int32Array.of(0, 4, 1))
    const y = backend.alloc('float32', 3)
    expect(() => take.run([bad], [y])).toThrow(IndexError)
    expect(() => take.run([bad], [y])).toThrow('[take] index must lie in [0, 4); got 4')
    take.run([backend.from('int32', Int32Array.of(1, 1, 1))], [y])
    expect(list(y)).toEqual([11, 11, 11])
  })

  test('refuses storages that do not fit', () => {
    const run = copyProgram(backend, 4)
    const x = backend.from('float32', new Float32Array(6))
    const y = backend.alloc('float32', 4)
    expect(() => run.run([x], [y], [3])).toThrow(/must reach 4 elements .* length 6 and offset 3/)
    expect(() => run.run([x], [y], [-1])).toThrow(BackendError)
    expect(() => run.run([x], [backend.alloc('float32', 3)])).toThrow(/must reach 4/)
    expect(() => run.run([backend.alloc('int32', 6)], [y])).toThrow(/must hold float32; got int32/)
    expect(() => run.run([], [y])).toThrow(/needs a storage/)
    const other = backends.find(([n]) => n !== name)![1]()
    if (other) expect(() => run.run([other.alloc('float32', 6)], [y])).toThrow(/must live on the/)
    expect(() => backend.alloc('float32', -1)).toThrow(BackendError)
    expect(() => backend.alloc('float32', 1.5)).toThrow(BackendError)
  })

  test('refuses memory that is gone', () => {
    const run = copyProgram(backend, 4)
    const y = backend.alloc('float32', 4)
    const x = backend.from('float32', new Float32Array(4))
    run.run([x], [y])
    x.free()
    x.free()
    expect(() => hostArray(x)).toThrow(/disposed/)
    expect(() => run.run([x], [y])).toThrow(/disposed/)
    // So much that it is not copied.
    const data = new Float32Array(2 ** 24 + 16)
    const taken = backend.from('float32', data)
    structuredClone(data.buffer, { transfer: [data.buffer] })
    expect(() => run.run([taken], [y])).toThrow(/transferred/)
    run.free()
    run.free()
    expect(() => run.run([y], [y])).toThrow(/freed/)
  })

  test('memory given back serves the next storage', () => {
    const run = copyProgram(backend, 50_000)
    const x = backend.from('float32', new Float32Array(50_000).fill(3))
    const before = process.memoryUsage().rss
    for (let i = 0; i < 10_000; i++) {
      const y = backend.alloc('float32', 50_000)
      run.run([x], [y])
      if (i % 1000 === 0) expect(hostArray(y)[49_999]).toBe(3)
      y.free()
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6)
  })

  test('memory given back twice serves one storage', () => {
    const run = copyProgram(backend, 10_000)
    const from = (v: number) => backend.from('float32', new Float32Array(10_000).fill(v))
    const [a, b] = [backend.alloc('float32', 10_000), backend.alloc('float32', 10_000)]
    run.run([from(1)], [a])
    a.free()
    a.free()
    run.run([from(2)], [b])
    const c = backend.alloc('float32', 10_000)
    run.run([from(3)], [c])
    expect([hostArray(b)[0], hostArray(b)[9_999], hostArray(c)[0]]).toEqual([2, 2, 3])
  })

  test('rejects a program that the core does not accept', () => {
    const slots: SlotPlan[] = [
      { kind: 'input', index: 0, offset: 0, bytes: 16 },
      { kind: 'output', index: 0, offset: 0, bytes: 16 },
    ]
    const copy = (n: number) => [[COPY, 0, SET, 1, n, 0, 0, 1, 1, 0, 1]]
    const x = [input(0, 'float32', 4)]
    expect(() => load(backend, slots, copy(5), x, ['float32'])).toThrow(/outside its slot at word/)
    expect(() => load(backend, slots, [[99, 0, 0]], x, ['float32'])).toThrow(
      /unknown opcode at word/,
    )
    expect(() => load(backend, slots, copy(4), [], ['float32'])).toThrow(/slot for input 0/)
    expect(() => load(backend, slots, copy(4), x, [])).toThrow(/slot for output 0/)
  })

  test('programs and tensors live through a change of threads', () => {
    const n = 200_000
    const threads = backend.threads
    const x = backend.from(
      'float32',
      Float32Array.from({ length: n }, (_, i) => i),
    )
    const box = backend.from('float32', new Float32Array(n))
    const y = backend.alloc('float32', n)
    const add = addProgram(backend, n)
    const copy = copyProgram(backend, n)
    for (const count of [1, 2, 1, 3]) {
      backend.threads = count
      expect(backend.threads).toBe(count)
      add.run([box, x], [])
      copy.run([box], [y])
    }
    expect(hostArray(y)).toEqual(Float32Array.from({ length: n }, (_, i) => 4 * i))
    expect(() => {
      backend.threads = 0
    }).toThrow(/from 1 to 64/)
    backend.threads = threads
    expect(backend.info()).toMatchObject({ backend: name, threads, node: process.versions.node })
  })

  test('a run costs less than a microsecond', () => {
    const run = copyProgram(backend, 4)
    const ins = [backend.from('float32', new Float32Array(4))]
    const outs = [backend.alloc('float32', 4)]
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < 20; round++) {
      const start = performance.now()
      for (let i = 0; i < 5000; i++) run.run(ins, outs)
      best = Math.min(best, ((performance.now() - start) / 5000) * 1000)
    }
    expect(best).toBeLessThan(1) // microseconds; about 0.1 on an idle machine
  })
})

test('relaxed SIMD is found where V8 has it', () => {
  const [major, minor] = process.versions.v8.split('.').map(Number)
  expect(hasRelaxedSimd()).toBe(major! > 11 || (major === 11 && minor! >= 4))
})

describe('the buffer pool', () => {
  test('serve the same kind again, each once', () => {
    const s = new BufferPool<string, object>(100)
    const [a, b] = [{}, {}]
    s.give('x', a, 40)
    s.give('x', b, 40)
    expect(s.take('y')).toBeUndefined()
    expect(new Set([s.take('x'), s.take('x')])).toEqual(new Set([a, b]))
    expect(s.take('x')).toBeUndefined()
  })
  test('much that nobody asks for is given up after a second', () => {
    let now = 0
    const s = new AgingPool<string, object>(1e9, () => now)
    const [one, two, small, four, whole] = [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 }]
    s.give('large', one, 1e7)
    s.give('large', two, 1e7)
    s.give('small', small, 1e3)
    now = 900
    expect(s.take('large')).toBe(two)
    s.give('large', two, 1e7)
    now = 1500
    s.take('other')
    expect([s.take('large'), s.take('large'), s.take('small')]).toEqual([two, undefined, small])
    s.give('large', four, 1e7)
    now = 9000
    s.take('other')
    expect(s.take('large')).toBeUndefined()
    // What was given up makes place again.
    s.give('whole', whole, 1e9)
    expect(s.take('whole')).toBe(whole)
  })
  test('of kinds no longer asked for make place', () => {
    const s = new BufferPool<string, number>(100)
    for (let i = 0; i < 10; i++) s.give('old', i, 10)
    for (let i = 0; i < 4; i++) s.give('new', i, 20)
    // 100 bytes in all: four of the new kind, and what is left for the old.
    const taken = (key: string) => {
      let n = 0
      while (s.take(key) !== undefined) n++
      return n
    }
    expect(taken('new')).toBeGreaterThanOrEqual(2)
    expect(taken('old')).toBeLessThan(10)
    s.give('huge', 1, 101)
    expect(s.take('huge')).toBeUndefined()
    s.give('whole', 1, 100)
    expect(s.take('whole')).toBe(1)
  })
})

describe('the heap', () => {
  const heap = () => new Heap(new WebAssembly.Memory({ initial: 1, maximum: 4 }), 1000)
  test('blocks are aligned, apart and used again', () => {
    const h = heap()
    const blocks = [1, 64, 65, 1000, 4097, 20_000].map((n) => ({ n, ...h.take(n) }))
    let end = 1000
    for (const { n, ptr, bytes } of blocks) {
      expect(ptr % 64).toBe(0)
      expect(ptr).toBeGreaterThanOrEqual(end)
      expect(bytes).toBeGreaterThanOrEqual(n)
      expect(bytes).toBeLessThanOrEqual(Math.max(n + 64, n * 1.13))
      end = ptr + bytes
    }
    h.give(blocks[3]!)
    expect(h.take(990).ptr).toBe(blocks[3]!.ptr)
  })
  test('the arrays follow when memory grows', () => {
    const h = heap()
    h.f32[300] = 1.5
    const { ptr } = h.take(100_000)
    expect(ptr + 100_000).toBeLessThanOrEqual(h.u8.length)
    expect(h.f32[300]).toBe(1.5)
  })
  test('no memory left is an error that says how much was asked', () => {
    const h = heap()
    const block = h.take(150_000)
    expect(() => h.take(200_000)).toThrow(/200000 more bytes .* cannot grow/)
    h.give(block)
    expect(h.take(200_000).ptr).toBe(block.ptr)
  })
})

test.runIf(existsSync('dist/index.js'))(
  'threads of a WebAssembly pool do not keep the process alive',
  () => {
    const code = `
    const { getNumThreads, setBackend, setNumThreads } = await import('./dist/index.js')
    setBackend('wasm')
    setNumThreads(3)
    await new Promise((done) => setTimeout(done, 100))
    console.log(getNumThreads())`
    const { stdout, status, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', code],
      { encoding: 'utf8', timeout: 20_000 },
    )
    expect(stderr).toBe('')
    expect(stdout).toBe('3\n')
    expect(status).toBe(0)
  },
)

test.runIf(nativeBackend())('the addon serves several threads of JavaScript at once', async () => {
  // One program each: the header, one slot of 4 bytes, FILL with the thread's number.
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const addon = require(workerData.addon)
    addon.start(addon.isas()[0])
    addon.setThreads(2)
    const out = new Float32Array(new ArrayBuffer(64), 0, 1)
    const bits = new Int32Array(Float32Array.of(workerData.value).buffer)[0]
    const words = Int32Array.of(0x414c424e, 1, 15, 1, 1, 4, 0, 3, 8, 0, 1, bits, 0, 0, 0)
    const table = Float64Array.of(addon.address(out.buffer))
    const program = addon.load(words, table)
    let wrong = 0
    for (let i = 0; i < 20000; i++) {
      out[0] = -1
      addon.run(program)
      if (out[0] !== workerData.value) wrong++
    }
    parentPort.postMessage(typeof program === 'string' ? program : wrong)`
  const results = await Promise.all(
    [1, 2, 3].map(
      (value) =>
        new Promise((done, fail) => {
          const workerData = { addon: resolve('build/nabla.node'), value }
          const worker = new Worker(code, { eval: true, workerData })
          worker.once('message', done)
          worker.once('error', fail)
        }),
    ),
  )
  expect(results).toEqual([0, 0, 0])
})
