// Datasets that loaders' threads make anew.
import { rand, tensor, ValueError } from 'nabla'
import { MapDataset, TensorDataset } from 'nabla/data'

const rows = (n) =>
  tensor(
    Float32Array.from({ length: 4 * n }, (_, i) => i),
    { shape: [n, 4] },
  )
const labels = (n) => tensor(Int32Array.from({ length: n }, (_, i) => i % 3))

// Sleeps, so that the figures do not hang on how busy the processors are.
const word = new Int32Array(new SharedArrayBuffer(4))
const wait = (ms) => ms > 0 && Atomics.wait(word, 0, 0, ms)

/** Examples that take `ms` milliseconds each, with noise drawn at random. */
export const noisy = (n, ms = 0) =>
  new MapDataset(new TensorDataset(rows(n), labels(n)), ([x, y]) => {
    wait(ms)
    return [x.add(rand([4])), y]
  })

export const plain = new TensorDataset(rows(10), labels(10))
export const failing = (n) => ({
  length: n,
  get(i) {
    if (i === 5)
      throw new ValueError({ op: 'failing', rule: 'example 5 must not be read', got: 'it' })
    return { x: rows(1), name: `example ${i}`, flag: i % 2 === 0 }
  },
})
export const ending = (n) => ({
  length: n,
  get(i) {
    if (i === 3) process.exit(1)
    return i
  },
})
export const endless = (n) => ({
  length: n,
  get: () => {
    for (;;);
  },
})
