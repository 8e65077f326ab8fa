/** vmap over every sample of every operation gives what a loop over the examples gives. */
import { setBackend, stack, TraceError, type Tensor, vmap } from 'nabla'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Tensors } from '../../src/ops/define.js'
import { maker, tensorsIn } from './make.js'
import { tested } from './table.js'

const list = (out: Tensors): Tensor[] => (Array.isArray(out) ? out : [out as Tensor])
const values = (t: Tensor) => [...(t.toTypedArray() as Iterable<number>)]

/** The arguments with other tensors in their places. */
function replaced(args: readonly unknown[], tensors: readonly Tensor[]): unknown[] {
  let i = 0
  const put = (v: unknown): unknown =>
    Array.isArray(v) ? v.map(put) : tensorsIn(v).length === 1 ? tensors[i++] : v
  return args.map(put)
}

/** Examples that are mapped over have no generator each (PyTorch: randomness='error'). */
const untraced = new Set([
  'randomBits',
  'randomUniform',
  // Computed by the host, batches and all: tests/opinfo.
  'ldlFactorEx',
  'ldlSolve',
])
let cases = 0
const refused = new Set<string>()

beforeAll(() => setBackend('reference'))

describe('every operation over three examples', () => {
  test.each([...tested])(
    '%s',
    (name, { call, spec }) => {
      const examples = [11, 12, 13].map((seed) => spec.samples(maker(seed)))
      examples[0]!.forEach((args, s) => {
        const tensors = examples.map((e) => tensorsIn(e[s]!))
        const count = tensors[0]!.length
        const alike = tensors.every((ts) =>
          ts.every((t, i) => `${t.shape}` === `${tensors[0]![i]!.shape}`),
        )
        if (count === 0 || !alike) return
        // All at once, and each tensor alone with the others the same for all.
        const choices = [
          tensors[0]!.map(() => true),
          ...(count > 1 ? tensors[0]!.map((_, k) => tensors[0]!.map((_, i) => i === k)) : []),
        ]
        for (const choice of choices) {
          const one = (e: number) => tensors[0]!.map((t, i) => (choice[i] ? tensors[e]![i]! : t))
          let want: Tensor[][]
          try {
            want = [0, 1, 2].map((e) => list(call(...replaced(args, one(e)))))
          } catch {
            continue // examples that do not go together
          }
          const many = tensors[0]!.map((t, i) =>
            choice[i] ? stack(tensors.map((ts) => ts[i]!)) : t,
          )
          let got: Tensor[]
          try {
            got = vmap(
              (...ts: Tensor[]) => list(call(...replaced(args, ts))),
              choice.map((c) => (c ? 0 : null)),
            )(...many)
          } catch (error) {
            if (!(error instanceof TraceError)) throw error
            refused.add(name)
            continue
          }
          cases++
          got.forEach((t, k) => {
            const wanted = want.flatMap((w) => values(w[k]!))
            const what = `sample ${s}, tensors ${choice}, output ${k}`
            expect(t.shape, what).toEqual([3, ...want[0]![k]!.shape])
            expect(t.dtype, what).toBe(want[0]![k]!.dtype)
            values(t).forEach((v, i) => {
              const w = wanted[i]!
              const same =
                Object.is(v, w) || v === w || Math.abs(v - w) <= 1e-5 * Math.max(1, Math.abs(w))
              expect(same, `${what}[${i}]: ${v}, expected ${w}`).toBe(true)
            })
          })
        }
      })
    },
    60000,
  )
  test('the samples are many, and few operations are refused', () => {
    expect(cases).toBeGreaterThan(1000)
    expect([...refused].filter((n) => !untraced.has(n))).toEqual([])
  })
})
