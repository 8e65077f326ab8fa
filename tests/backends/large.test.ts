/** Results larger than the caches take a way of their own through the kernels: the same bits as piece by piece. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  compile,
  embedding,
  gelu,
  getNumThreads,
  gradients,
  manualSeed,
  randn,
  setNumThreads,
  type Tensor,
  tensor,
} from '../../src/index.js'

const threads = getNumThreads()
afterEach(() => setNumThreads(threads))

/** Functions of each row alone; more than 8 MB of them, with rows of whole vectors and not. */
const functions: [string, (x: Tensor) => Tensor][] = [
  ['softmax', (x) => x.softmax(-1)],
  ['gelu', (x) => gelu(x)],
  ['a chain', (x) => x.mul(2).sub(1).abs().add(x)],
  ['a product', (x) => x.mul(x)],
]
describe.each(functions)('%s', (_name, f) => {
  test.each([
    [2100, 1024],
    [2111, 1001],
    [70_001, 31],
  ])('of %i rows of %i', (rows, cols) => {
    manualSeed(3)
    const x = randn([rows, cols])
    const piece = compile(f)
    const want = new Float32Array(rows * cols)
    for (let at = 0; at < rows; at += 500) {
      const n = Math.min(500, rows - at)
      want.set(piece(x.narrow(0, at, n).contiguous()).toTypedArray<Float32Array>(), at * cols)
    }
    for (const count of [1, 2, 3]) {
      setNumThreads(count)
      expect(Buffer.compare(bytes(compile(f)(x).toTypedArray()), bytes(want))).toBe(0)
    }
  })
})

test('long rows, each with a value of its own', () => {
  manualSeed(3)
  const [rows, cols] = [3, 800_001]
  const x = randn([rows, cols])
  const a = x.toTypedArray()
  const want = Float32Array.from(a, (v, i) => 2 * v + a[Math.floor(i / cols) * cols]!)
  const f = compile((x: Tensor) => x.mul(2).add(x.narrow(1, 0, 1)))
  for (const count of [1, 2, 3]) {
    setNumThreads(count)
    expect(Buffer.compare(bytes(f(x).toTypedArray()), bytes(want))).toBe(0)
  }
})

describe.each([1024, 1001, 31])('embedding of rows of %i', (dim) => {
  test.each<[string, (i: number) => number]>([
    ['each now and then', (i) => (i * 7919) % 2200],
    ['one most of the time', (i) => (i % 50 ? 3 : i)],
  ])('%s', (_name, place) => {
    const [extent, n] = [Math.ceil(2.3e6 / dim), Math.ceil(3e6 / dim)]
    manualSeed(3)
    const [weight, ct] = [randn([extent, dim], { requiresGrad: true }), randn([n, dim])]
    const index = Int32Array.from({ length: n }, (_, i) => place(i) % extent)
    const [w, c] = [weight.toTypedArray(), ct.toTypedArray()]
    const rows = new Float32Array(n * dim)
    const grad = new Float32Array(extent * dim)
    index.forEach((p, i) => {
      for (let j = 0; j < dim; j++) {
        rows[i * dim + j] = w[p * dim + j]!
        grad[p * dim + j]! += c[i * dim + j]!
      }
    })
    const at = tensor(index)
    const run = compile((ct: Tensor) => {
      const y = embedding(at, weight)
      return [y, ...gradients(y, [weight], [ct])]
    })
    for (const count of [1, 2, 3]) {
      setNumThreads(count)
      const [y, g] = run(ct)
      expect(Buffer.compare(bytes(y!.toTypedArray()), bytes(rows))).toBe(0)
      expect(Buffer.compare(bytes(g!.toTypedArray()), bytes(grad))).toBe(0)
    }
  })
})

const bytes = (a: ArrayBufferView) => Buffer.from(a.buffer, a.byteOffset, a.byteLength)
