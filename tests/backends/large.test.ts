/** Results larger than the caches take a way of their own through the kernels: the same bits as piece by piece. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  compile,
  gelu,
  getNumThreads,
  manualSeed,
  randn,
  setNumThreads,
  type Tensor,
} from '../../src/index.js'

const threads = getNumThreads()
afterEach(() => setNumThreads(threads))

/** Functions of each row alone; more than 8 MB of them, with rows of whole vectors and not. */
const functions: [string, (x: Tensor) => Tensor][] = [
  ['softmax', (x) => x.softmax(-1)],
  ['gelu', (x) => gelu(x)],
  ['a chain', (x) => x.mul(2).sub(1).abs().add(x)],
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
      want.set(piece(x.narrow(0, at, n).contiguous()).toTypedArray(), at * cols)
    }
    for (const count of [1, 2, 3]) {
      setNumThreads(count)
      expect(Buffer.compare(bytes(compile(f)(x).toTypedArray()), bytes(want))).toBe(0)
    }
  })
})

const bytes = (a: ArrayBufferView) => Buffer.from(a.buffer, a.byteOffset, a.byteLength)
