/** Products leave out zeros (docs/decisions/0073): the sums are those of a plain loop, also where the rest is not finite. */
import { beforeAll, describe, expect, test } from 'vitest'
import { matmul, setBackend, tensor } from '../../src/index.js'
import { uniform } from '../lower/graphs.js'

const [M, N, K] = [96, 130, 100] // from a million products on

function matrix(rows: number, cols: number, density: number, seed: number): Float32Array {
  const next = uniform(seed)
  return Float32Array.from({ length: rows * cols }, () => (next() < density ? next() * 2 - 1 : 0))
}

/** Sums and the sums of magnitudes, in double. */
function product(a: Float32Array, b: Float32Array): [Float64Array, Float64Array] {
  const [sums, sizes] = [new Float64Array(M * N), new Float64Array(M * N)]
  for (let i = 0; i < M; i++)
    for (let j = 0; j < N; j++)
      for (let p = 0; p < K; p++) {
        const t = a[i * K + p]! * b[p * N + j]!
        sums[i * N + j]! += t
        sizes[i * N + j]! += Math.abs(t)
      }
  return [sums, sizes]
}

function check(a: Float32Array, b: Float32Array): void {
  const got = matmul(tensor(a).reshape([M, K]), tensor(b).reshape([K, N])).toTypedArray()
  const [sums, sizes] = product(a, b)
  got.forEach((x, at) => {
    const want = sums[at]!
    if (Object.is(x, want) || Math.abs(x - want) <= 1e-6 * (1 + sizes[at]!)) return
    expect.fail(`row ${Math.floor(at / N)}, column ${at % N}: ${x} instead of ${want}`)
  })
}

describe.each(['native', 'wasm'] as const)('%s', (name) => {
  beforeAll(() => setBackend(name))

  test.each([0, 0.05, 0.5, 1])('%d of the numbers are not zero', (density) => {
    check(matrix(M, K, density, 1), matrix(K, N, 1, 2))
    check(matrix(M, K, 1, 3), matrix(K, N, density, 4))
    check(matrix(M, K, density, 5), matrix(K, N, density, 6))
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('zero times %d is NaN', (value) => {
    for (const at of [0, 77, 9999]) {
      const [a, b] = [matrix(M, K, 0.3, 7), matrix(K, N, 1, 8)]
      b[at] = value
      check(a, b)
      check(matrix(M, K, 1, 9).fill(value, at % (M * K), (at % (M * K)) + 1), matrix(K, N, 0.3, 10))
    }
  })
})
