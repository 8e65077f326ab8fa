import { type Tensor, tensor, ValueError, zeros } from 'nabla'
import * as nn from 'nabla/nn'
import { init } from 'nabla/nn'
import { describe, expect, test } from 'vitest'

const list = (t: Tensor) => [...(t.toTypedArray() as Float32Array)]
const stats = (v: number[]) => {
  const mean = v.reduce((a, b) => a + b, 0) / v.length
  return { mean, std: Math.sqrt(v.reduce((a, b) => a + (b - mean) ** 2, 0) / v.length) }
}

describe('initial values', () => {
  test('constants, in place and whether or not the tensor is trained', () => {
    const p = new nn.Parameter(zeros([2, 2]))
    expect(init.constant(p, 3)).toBe(p)
    expect(list(p)).toEqual([3, 3, 3, 3])
    expect(list(init.ones(p))).toEqual([1, 1, 1, 1])
    expect(list(init.zeros(p))).toEqual([0, 0, 0, 0])
    expect(list(init.identity(zeros([2, 3])))).toEqual([1, 0, 0, 0, 1, 0])
    expect(() => init.identity(zeros([2]))).toThrow('[init.identity] a matrix is needed')
  })
  test('uniform and normal', () => {
    const u = list(init.uniform(zeros([10000]), -1, 3))
    expect(Math.min(...u)).toBeGreaterThanOrEqual(-1)
    expect(Math.max(...u)).toBeLessThan(3)
    expect(stats(u).mean).toBeCloseTo(1, 1)
    const n = stats(list(init.normal(zeros([10000]), 2, 0.5)))
    expect(n.mean).toBeCloseTo(2, 1)
    expect(n.std).toBeCloseTo(0.5, 1)
  })
  test('truncated normal has the moments of that distribution', () => {
    const v = list(init.truncatedNormal(zeros([20000]), 0, 1, -1, 2))
    expect(Math.min(...v)).toBeGreaterThanOrEqual(-1)
    expect(Math.max(...v)).toBeLessThanOrEqual(2)
    // (φ(a) − φ(b))/Z and 1 + (aφ(a) − bφ(b))/Z − mean²; φ(1) = 0.24197, φ(2) = 0.05399, Z = 0.81859.
    const mean = (0.24197 - 0.05399) / 0.81859
    const variance = 1 + (-0.24197 - 2 * 0.05399) / 0.81859 - mean ** 2
    expect(Math.abs(stats(v).mean - mean)).toBeLessThan(0.02)
    expect(Math.abs(stats(v).std - Math.sqrt(variance))).toBeLessThan(0.02)
    expect(() => init.truncatedNormal(zeros([2]), 0, 1, 1, 1)).toThrow(ValueError)
  })
  test.each([
    [3, 5],
    [5, 3],
    [4, 2, 2],
  ])('orthogonal %i x %i', (...shape) => {
    const t = init.orthogonal(zeros(shape), 2)
    const rows = shape[0]!
    const m = t.reshape([rows, t.size / rows])
    const gram = rows <= t.size / rows ? m.matmul(m.t()) : m.t().matmul(m)
    const n = gram.shape[0]!
    list(gram).forEach((v, i) => {
      expect(v).toBeCloseTo(i % (n + 1) === 0 ? 4 : 0, 5)
    })
  })
  test('sparse: the share of zeros in each column', () => {
    const t = init.sparse(zeros([10, 4]), 0.25, 0.5)
    for (let c = 0; c < 4; c++) expect(list(t.select(1, c)).filter((v) => v === 0).length).toBe(3)
    expect(() => init.sparse(zeros([2, 2]), 1)).toThrow('sparsity must lie in [0, 1)')
  })
  test('fans need two axes', () => {
    expect(() => init.heNormal(zeros([3]))).toThrow('[init] fans need at least two axes; got [3]')
  })
  test('they follow the type and the backend of the tensor', () => {
    const t = zeros([2, 3]).to('reference').to('float64')
    init.xavierNormal(t)
    expect([t.dtype, t.backend.name]).toEqual(['float64', 'reference'])
    expect(list(t).some((v) => v !== 0)).toBe(true)
  })
})

describe('from a saved run', () => {
  const make = (out: number) => new nn.Sequential(new nn.Linear(2, 3), new nn.Linear(3, out))
  test('what agrees is copied, the rest stays and is named', () => {
    const [a, b] = [make(4), make(5)]
    const head = list(b.parameters()[2]!)
    const result = init.fromSaved(b, { ...a.stateDict(), extra: tensor([1]) })
    expect(result).toEqual({
      loaded: ['0.weight', '0.bias'],
      missing: [],
      unexpected: ['extra'],
      mismatched: ['1.weight', '1.bias'],
    })
    expect(list(b.parameters()[0]!)).toEqual(list(a.parameters()[0]!))
    expect(list(b.parameters()[2]!)).toEqual(head)
  })
  test('names can be mapped; nothing in common is an error', () => {
    const [a, b] = [make(4), make(4)]
    const saved = Object.fromEntries(Object.entries(a.stateDict()).map(([k, t]) => [`net.${k}`, t]))
    expect(() => init.fromSaved(b, saved)).toThrow(/must agree .*got net\.0\.weight/)
    const rename = (name: string) => (name.startsWith('net.1') ? null : name.slice(4))
    expect(init.fromSaved(b, saved, { rename }).missing).toEqual(['1.weight', '1.bias'])
    expect(list(b.parameters()[0]!)).toEqual(list(a.parameters()[0]!))
  })
})
