/** What the laws of layers do not say about dropout: how often, how much, and from which generator. */
import {
  alphaDropout,
  compile,
  dropout,
  dropout2d,
  featureAlphaDropout,
  Generator,
  manualSeed,
  normal,
  ones,
  rrelu,
  setBackend,
  type Tensor,
  ValueError,
} from 'nabla'
import * as nn from 'nabla/nn'
import { expect, test } from 'vitest'

const values = (t: Tensor) => [...(t.toTypedArray() as Float32Array)]
const share = (list: readonly number[], f: (v: number) => boolean) =>
  list.filter(f).length / list.length

test.each([0.1, 0.5, 0.9])('dropout of %d zeroes that share and scales the rest', (p) => {
  manualSeed(1)
  const y = values(dropout(ones([40_000]), p))
  // Four standard deviations of the share.
  const off = 4 * Math.sqrt((p * (1 - p)) / y.length)
  expect(Math.abs(share(y, (v) => v === 0) - p)).toBeLessThan(off)
  for (const v of y) if (v !== 0) expect(v).toBeCloseTo(1 / (1 - p), 5)
})

test('with probability 0 and 1, and outside of training', () => {
  const x = ones([5])
  expect(values(dropout(x, 0))).toEqual([1, 1, 1, 1, 1])
  expect(values(dropout(x, 1))).toEqual([0, 0, 0, 0, 0])
  expect(values(alphaDropout(x, 1))).toEqual([0, 0, 0, 0, 0])
  expect(dropout(x, 0.5, { training: false })).toBe(x)
  expect(() => dropout(x, 1.1)).toThrow(ValueError)
  expect(() => new nn.Dropout(-0.1)).toThrow(/\[Dropout\] p must lie in \[0, 1\]; got -0.1/)
})

test('the same seed gives the same bits on every backend, eager and compiled', () => {
  const draws = (['reference', 'native', 'wasm'] as const).flatMap((backend) => {
    setBackend(backend)
    const x = ones([6, 7])
    manualSeed(9)
    const eager = [values(dropout(x, 0.4)), values(dropout(x, 0.4))]
    manualSeed(9)
    const step = compile((x: Tensor) => dropout(x, 0.4))
    const compiled = [values(step(x)), values(step(x))]
    expect(step.traces).toBe(1)
    return [eager, compiled]
  })
  for (const d of draws) expect(d).toEqual(draws[0])
  expect(draws[0]![0], 'each call draws anew').not.toEqual(draws[0]![1])
  setBackend('native')
})

test('the gradient goes where the values went', () => {
  manualSeed(2)
  const x = ones([50])
  x.requiresGrad = true
  const y = dropout(x, 0.5)
  y.sum().backward()
  expect(values(x.grad!)).toEqual(values(y))
})

test('a generator of its own leaves the default one alone', () => {
  manualSeed(3)
  const want = values(dropout(ones([20])))
  manualSeed(3)
  dropout(ones([20]), 0.5, { generator: new Generator(7) })
  expect(values(dropout(ones([20])))).toEqual(want)
})

test('channels fall as a whole', () => {
  manualSeed(4)
  for (const y of [dropout2d(ones([30, 20, 3, 2])), featureAlphaDropout(ones([30, 20, 3, 2]))]) {
    const list = values(y)
    const first = list.filter((_, i) => i % 6 === 0)
    list.forEach((v, i) => {
      expect(v).toBe(first[Math.floor(i / 6)])
    })
    const low = Math.min(...first)
    expect(Math.abs(share(first, (v) => v === low) - 0.5)).toBeLessThan(0.09)
  }
})

test('alpha dropout keeps mean 0 and variance 1', () => {
  manualSeed(5)
  const y = alphaDropout(normal([50_000]), 0.3)
  expect(Math.abs(y.mean().item())).toBeLessThan(0.02)
  expect(Math.abs(y.square().mean().item() - 1)).toBeLessThan(0.03)
})

test('rrelu draws slopes between its bounds', () => {
  manualSeed(6)
  const slopes = values(
    rrelu(ones([20_000]).mul(-1), { lower: 0.2, upper: 0.4, training: true }),
  ).map((v) => -v)
  expect(Math.min(...slopes)).toBeGreaterThanOrEqual(0.2)
  expect(Math.max(...slopes)).toBeLessThanOrEqual(0.4)
  expect(slopes.reduce((a, b) => a + b) / slopes.length).toBeCloseTo(0.3, 2)
  expect(() => rrelu(ones([2]), { lower: 1, upper: 0 })).toThrow(ValueError)
})
