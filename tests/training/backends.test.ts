/** The same run everywhere: same seed, same data, the same losses on every backend, eager and compiled. */
import * as nabla from 'nabla'
import * as models from 'nabla/models'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Digits, digits, twentySteps } from './steps.js'

const parts = { nabla, nn, optim, models }
let data: Digits
let reference: number[]

function run(backend: nabla.BackendName, threads = 1, compiled = true): number[] {
  nabla.setBackend(backend)
  if (backend !== 'reference') nabla.setNumThreads(threads)
  return twentySteps(parts, data, compiled)
}
function expectSame(got: number[], want: number[], tolerance: number): void {
  got.forEach((v, i) => {
    expect(Math.abs(v - want[i]!), `step ${i}: ${v} and ${want[i]}`).toBeLessThanOrEqual(tolerance)
  })
}

beforeAll(() => {
  data = digits()
  reference = run('reference')
}, 120_000)

test('the network learns', () => {
  expect(reference.every(Number.isFinite)).toBe(true)
  expect(reference.at(-1)!).toBeLessThan(reference[0]! - 0.03)
})

describe.each(['native', 'wasm'] as const)('%s', (backend) => {
  test.each([1, 2])('%i threads: losses are those of the reference', (threads) => {
    expectSame(run(backend, threads), reference, 1e-4)
  })
  test('eager steps too', () => {
    expectSame(run(backend, 1, false), reference, 1e-4)
  })
  test.each([1, 2])('%i threads: the same seed twice gives the same bits', (threads) => {
    expect(run(backend, threads)).toEqual(run(backend, threads))
  })
})
