import { add, compile, gradients, mul, setBackend, sum, type Tensor } from 'nabla'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Tensors } from '../../src/ops/define.js'
import { leavesOf, maker, random } from './make.js'
import { isFloat, tested } from './table.js'

const list = (out: Tensors): Tensor[] => (Array.isArray(out) ? out : [out as Tensor])
const values = (t: Tensor) => [...(t.toTypedArray() as Iterable<number>)]

function expectClose(got: number[], want: number[], tolerance: number, what: string): void {
  expect(got.length, `${what}: number of elements`).toBe(want.length)
  got.forEach((g, i) => {
    const w = want[i]!
    if (Object.is(g, w) || g === w || (Number.isNaN(g) && Number.isNaN(w))) return
    const off = Math.abs(g - w)
    expect(off <= tolerance * Math.max(1, Math.abs(w)), `${what}[${i}]: ${g}, expected ${w}`).toBe(
      true,
    )
  })
}
const flatten = (v: unknown): number[] => (Array.isArray(v) ? v.flatMap(flatten) : [Number(v)])

describe.each([...tested])('%s', (name, { call, spec }) => {
  beforeAll(() => setBackend('reference'))

  test('has a formula, an example and samples', () => {
    expect(spec.formula).toBeTruthy()
    expect(spec.samples(maker(1)).length).toBeGreaterThan(0)
  })

  test('gives the numbers of its example', () => {
    const [args, want] = spec.example(maker(1))
    expectClose(list(call(...args)).flatMap(values), flatten(want), 1e-6, name)
  })

  test('compiled gives what eager gives', () => {
    spec.samples(maker(2)).forEach((args, i) => {
      const eager = list(call(...args))
      const compiled = compile((...a: unknown[]) => list(call(...a)))
      const result = compiled(...args)
      eager.forEach((t, k) => {
        expect(result[k]!.shape, `sample ${i}`).toEqual(t.shape)
        expect(result[k]!.dtype).toBe(t.dtype)
        expectClose(values(result[k]!), values(t), 1e-6, `${name} sample ${i}`)
      })
    })
  })

  const differentiable = spec.differentiable !== false && !spec.except?.gradient
  const gradientLaw = () => {
    spec.samples(maker(3, 'float64')).forEach((args, i) => {
      const leaves = leavesOf(spec, args)
      if (leaves.length === 0 || leaves.some((t) => values(t).some((v) => !Number.isFinite(v))))
        return
      checkGradient(name, i, args, leaves, 1)
      if (!spec.except?.secondGradient) checkGradient(name, i, args, leaves, 2)
    })
  }
  if (differentiable) test('its gradient is that of finite differences', gradientLaw)

  /** The derivative along one random direction, analytic and by central differences, of first or second order. */
  function checkGradient(
    what: string,
    sample: number,
    args: readonly unknown[],
    leaves: Tensor[],
    order: 1 | 2,
  ) {
    for (const t of leaves) t.requiresGrad = true
    const next = random(sample + 7)
    const weigh = new Map<string, Tensor>()
    /** A scalar that depends on every output element. */
    const scalar = (): Tensor | null => {
      const outs = list(call(...args)).filter(
        (t) => isFloat(t.dtype) && t.requiresGrad && t.size > 0,
      )
      let total: Tensor | null = null
      outs.forEach((t, k) => {
        const key = `${k}`
        if (!weigh.has(key)) weigh.set(key, maker(k + 11, 'float64').float(t.shape))
        const part = sum(mul(order === 2 ? mul(t, t) : t, weigh.get(key)!))
        total = total ? add(total, part) : part
      })
      return total
    }
    const value = (): Tensor | null => {
      const y = scalar()
      if (!y || order === 1) return y
      // Second order: the derivative along a fixed direction is the function whose gradient is checked.
      const grads = gradients(y, leaves, [], { createGraph: true })
      let total: Tensor | null = null
      grads.forEach((g, k) => {
        if (!g) return
        const part = sum(mul(g, maker(k + 23, 'float64').float(g.shape)))
        total = total ? add(total, part) : part
      })
      return total
    }
    const y = value()
    if (!y?.requiresGrad) {
      for (const t of leaves) t.requiresGrad = false
      return
    }
    const grads = gradients(y, leaves)
    const direction = leaves.map((t) => values(t).map(() => next() - 0.5))
    const along = grads.reduce(
      (s, g, k) => s + (g ? values(g).reduce((a, v, j) => a + v * direction[k]![j]!, 0) : 0),
      0,
    )
    const start = leaves.map(values)
    const at = (h: number): number => {
      leaves.forEach((t, k) => {
        t.storage!.write((to) => to.set(start[k]!.map((v, j) => v + h * direction[k]![j]!)))
      })
      return value()!.item()
    }
    const h = 1e-5
    const numeric = (at(h) - at(-h)) / (2 * h)
    at(0)
    for (const t of leaves) t.requiresGrad = false
    const scale = Math.max(1, Math.abs(numeric), Math.abs(y.item()))
    expect(
      Math.abs(along - numeric) <= 2e-5 * scale,
      `${what} sample ${sample}, order ${order}: gradient ${along}, differences ${numeric}`,
    ).toBe(true)
  }
})
