import { type BackendName, compile, gradients, mul, setBackend, sum, type Tensor, add } from 'nabla'
import { describe, expect, test } from 'vitest'
import type { Tensors } from '../../src/ops/define.js'
import { leavesOf, maker } from './make.js'
import { fastBackends, isFloat, tested } from './table.js'

const list = (out: Tensors): Tensor[] => (Array.isArray(out) ? out : [out as Tensor])
const read = (t: Tensor | null) => (t ? [...(t.toTypedArray() as Iterable<number>)] : null)

/** Results and gradients of every sample on a backend. */
function results(name: string, backend: BackendName, compiled: boolean) {
  setBackend(backend)
  const { call, spec } = tested.get(name)!
  return spec.samples(maker(5)).map((args) => {
    const leaves = leavesOf(spec, args)
    for (const t of leaves) t.requiresGrad = true
    const run = () => {
      const outs = list(call(...args))
      let total: Tensor | null = null
      outs.forEach((t, k) => {
        if (!isFloat(t.dtype) || !t.requiresGrad || t.size === 0) return
        const part = sum(mul(t, weights[k] ?? 1))
        total = total ? add(total, part) : part
      })
      const grads = total && leaves.length > 0 ? gradients(total, leaves) : []
      return [...outs, ...grads]
    }
    const shapes = list(call(...args)).map((t) => t.shape)
    const weights = shapes.map((s, k) => maker(k + 11).float(s))
    const all = (compiled ? compile(run) : run)() as (Tensor | null)[]
    return all.map(read)
  })
}

describe.each(fastBackends)('%s gives what the reference gives', (backend) => {
  describe.each([...tested.keys()])('%s', (name) => {
    const reason = tested.get(name)!.spec.except?.backends
    // A law that cannot hold is not made; the block says why.
    test.each(reason ? [] : [false, true])('compiled: %s', (compiled) => {
      const want = results(name, 'reference', false)
      const got = results(name, backend, compiled)
      want.forEach((outs, sample) => {
        outs.forEach((w, k) => {
          const g = got[sample]![k]
          if (!w || !g) {
            expect(g, `sample ${sample}, result ${k}`).toBe(w)
            return
          }
          expect(g.length).toBe(w.length)
          const scale = Math.max(1, ...w.filter(Number.isFinite).map(Math.abs))
          w.forEach((v, j) => {
            const ok =
              Object.is(g[j], v) ||
              g[j] === v ||
              (Number.isNaN(v) && Number.isNaN(g[j])) ||
              Math.abs(g[j]! - v) <= 3e-6 * scale
            expect(
              ok,
              `sample ${sample}, result ${k}[${j}]: ${g[j]}, the reference gives ${v}`,
            ).toBe(true)
          })
        })
      })
    })
  })
})
