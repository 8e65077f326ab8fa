// @ts-check
import { compile, indexSelect, manualSeed, normal, scan, tensor } from 'nabla'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ gate: 'and' | 'or' | 'nand' | 'xor', rate: number, seed: number, answers: number[] }} Settings */

export const x = tensor([
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
])
/** @type {Record<string, number[]>} */
export const gates = { and: [0, 0, 0, 1], or: [0, 1, 1, 1], nand: [1, 1, 1, 0], xor: [0, 1, 1, 0] }

/** @param {Settings} s */
export function build(s) {
  const y = tensor(gates[s.gate] ?? s.answers, { dtype: 'float32' })
  const w = normal([2])
  const b = tensor([0])
  /** 1 on one side of the line, 0 on the other. @param {Tensor} x */
  const answer = (x) => x.matmul(w).add(b).gt(0).cast('float32')
  /** Rosenblatt's rule: the weights move only where the answer is wrong. @param {Tensor} i */
  const step = (i) => {
    const example = indexSelect(x, 0, i)
    const error = indexSelect(y, 0, i).sub(answer(example))
    w.assign(w.add(example.mul(error.unsqueeze(1)).sum(0).mul(s.rate)))
    b.assign(b.add(error.mul(s.rate)))
    return error.abs().sum()
  }
  /** A step for each index, in one call. */
  const steps = compile(
    (/** @type {Tensor} */ index) => scan((_, i) => [null, step(i)], null, index)[1],
  )
  let at = 0
  return {
    y,
    w,
    b,
    answer,
    /** @param {number} k */
    run(k) {
      steps(
        tensor(
          Array.from({ length: k }, () => at++ % 4),
          { dtype: 'int32' },
        ).reshape([k, 1]),
      )
    },
    wrong: () => answer(x).sub(y).abs().sum().item(),
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, wrong, w, b } = build(s)
  let steps = 0
  for (; wrong() > 0 && steps < 400; steps += 4) run(4)
  console.log(`after ${steps} steps: weights ${w.toArray()}, bias ${b.toArray()}, wrong ${wrong()}`)
}
