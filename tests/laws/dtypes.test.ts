/** Every operation in every type that it takes: native and WebAssembly give what the reference backend gives. */
import {
  type BackendName,
  type DType,
  gradients,
  mul,
  setBackend,
  sum,
  type Tensor,
  add,
} from 'nabla'
import { describe, expect, test } from 'vitest'
import type { Tensors } from '../../src/ops/define.js'
import { leavesOf, maker, tensorsIn } from './make.js'
import { fastBackends, tested } from './table.js'

const list = (out: Tensors): Tensor[] => (Array.isArray(out) ? out : [out as Tensor])
const isFloat = (dtype: DType) => /^b?float/.test(dtype)
/** Nested arguments with the tensors changed. */
const changed = (value: unknown, f: (t: Tensor) => Tensor): unknown =>
  tensorsIn(value)[0] === value
    ? f(value as Tensor)
    : Array.isArray(value)
      ? value.map((v) => changed(v, f))
      : value

interface Outcome {
  dtypes: DType[]
  numbers: number[][]
}

/** Results and gradients of the samples with float tensors of a type. */
function results(name: string, backend: BackendName, dtype: DType): (Outcome | string)[] {
  setBackend(backend)
  const { call, spec } = tested.get(name)!
  // Half types start from the same numbers on every backend.
  return spec.samples(maker(5, 'float64')).map((given) => {
    const cast = (t: Tensor) => (isFloat(t.dtype) ? t.to(dtype) : t)
    const args = (given as unknown[]).map((a) => changed(a, cast))
    const leaves = leavesOf(spec, args)
    for (const t of leaves) t.requiresGrad = true
    try {
      const outs = list(call(...args))
      let total: Tensor | null = null
      for (const t of outs)
        if (isFloat(t.dtype) && t.requiresGrad && t.size > 0) {
          const part = sum(mul(t, 0.75))
          total = total ? add(total, part) : part
        }
      const grads = total && leaves.length > 0 ? gradients(total, leaves) : []
      const all = [...outs, ...grads].filter((t): t is Tensor => t !== null)
      return {
        dtypes: all.map((t) => t.dtype),
        numbers: all.map((t) => [t.toArray()].flat(20).map(Number)),
      }
    } catch (e) {
      return (e as Error).name
    }
  })
}
function same(got: (Outcome | string)[], want: (Outcome | string)[], unit: number): void {
  want.forEach((w, i) => {
    const g = got[i]!
    if (typeof w === 'string' || typeof g === 'string') {
      expect(g).toBe(w)
      return
    }
    expect(g.dtypes).toEqual(w.dtypes)
    w.numbers.forEach((row, k) => {
      const scale = Math.max(1, ...row.filter(Number.isFinite).map(Math.abs))
      const off = w.dtypes[k] === 'float32' ? Math.max(unit, 3e-6) : unit
      row.forEach((v, j) => {
        const x = g.numbers[k]![j]!
        const ok = Object.is(x, v) || x === v || Math.abs(x - v) <= off * scale
        expect(ok, `sample ${i}, result ${k}[${j}]: ${x}, the reference gives ${v}`).toBe(true)
      })
    })
  })
}

describe.each(fastBackends)('%s', (backend) => {
  // float64: a few units in the last place of the largest number. Half types: results are rounded once; sums of gradients
  // that are rounded each may differ by a few units.
  describe.each([
    ['float64', 2e-13],
    ['float16', 2 ** -8],
    ['bfloat16', 2 ** -5],
  ] as const)('%s', (dtype, unit) => {
    test.each([...tested.keys()])('%s', (name) => {
      if (tested.get(name)!.spec.except?.backends) return
      same(results(name, backend, dtype), results(name, 'reference', dtype), unit)
    })
  })
  describe.each(['int8', 'uint8', 'int64'] as const)('%s', (dtype) => {
    test.each([...tested.keys()])('%s', (name) => {
      const run = (on: BackendName): (Outcome | string)[] => {
        setBackend(on)
        const { call, spec } = tested.get(name)!
        return spec.samples(maker(5)).flatMap((given): (Outcome | string)[] => {
          const tensors = tensorsIn(given)
          // Samples of whole numbers alone; those beside floats are indices.
          if (tensors.length === 0 || tensors.some((t) => t.dtype !== 'int32')) return []
          const args = (given as unknown[]).map((a) => changed(a, (t) => t.to(dtype)))
          try {
            const outs = list(call(...args))
            return [
              {
                dtypes: outs.map((t) => t.dtype),
                numbers: outs.map((t) => [t.toArray()].flat(20).map(Number)),
              },
            ]
          } catch (e) {
            return [(e as Error).name]
          }
        })
      }
      same(run(backend), run('reference'), 3e-6)
    })
  })
})
