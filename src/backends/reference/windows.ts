/** Convolution and pooling: one walk over windows serves all of them. */
import type { TypedArray } from '../../core/dtype.js'
import { type Shape, sizeOf } from '../../core/shape.js'
import type { Node, Prim, Window } from '../ir.js'
import { each } from './coordinates.js'

type Windowed = Extract<
  Prim,
  {
    op:
      | 'conv'
      | 'convInput'
      | 'convWeight'
      | 'maxPool'
      | 'sumPool'
      | 'sumPoolInput'
      | 'maxPoolInput'
  }
>

/** Calls `f` with the flat output place, the flat input place and the flat kernel place of every pair that meets. */
function meet(
  input: Shape,
  output: Shape,
  w: Window,
  f: (out: number, inp: number, kernel: number) => void,
): void {
  each(output, (o, out) => {
    each(w.kernel, (k, kernel) => {
      let flat = 0
      for (let a = 0; a < input.length; a++) {
        const i = o[a]! * w.stride[a]! + k[a]! * w.dilation[a]! - w.padding[a]![0]
        if (i < 0 || i >= input[a]!) return
        flat = flat * input[a]! + i
      }
      f(out, flat, kernel)
    })
  })
}

export function windowed(
  n: Node,
  prim: Windowed,
  args: readonly TypedArray[],
  result: TypedArray,
  which = 0,
): void {
  const shapes = n.inputs.map((t) => t.shape)
  const [a, b] = args
  const total = new Float64Array(result.length)
  if (prim.op === 'conv' || prim.op === 'convInput' || prim.op === 'convWeight') {
    const x = prim.op === 'conv' ? shapes[0]! : prim.op === 'convInput' ? prim.shape : shapes[1]!
    const w = prim.op === 'convWeight' ? prim.shape : shapes[1]!
    const y = prim.op === 'conv' ? n.shape : shapes[0]!
    const [N, C, O, perGroup] = [x[0]!, x[1]!, w[0]!, w[1]!]
    const [inside, outside, taps] = [x, y, w].map((s) => sizeOf(s.slice(2))) as [
      number,
      number,
      number,
    ]
    for (let i = 0; i < N; i++)
      for (let o = 0; o < O; o++) {
        const group = Math.floor(o / (O / prim.groups))
        for (let c = 0; c < perGroup; c++) {
          const xAt = (i * C + group * perGroup + c) * inside
          const yAt = (i * O + o) * outside
          const wAt = (o * perGroup + c) * taps
          meet(x.slice(2), y.slice(2), prim.window, (q, p, k) => {
            if (prim.op === 'conv') total[yAt + q]! += a![xAt + p]! * b![wAt + k]!
            else if (prim.op === 'convInput') total[xAt + p]! += a![yAt + q]! * b![wAt + k]!
            else total[wAt + k]! += a![yAt + q]! * b![xAt + p]!
          })
        }
      }
    result.set(total)
    return
  }
  const planes = n.shape[0]! * n.shape[1]!
  if (prim.op === 'maxPoolInput') {
    const inside = sizeOf(prim.shape.slice(2))
    const outside = sizeOf(shapes[0]!.slice(2))
    for (let p = 0; p < planes; p++)
      for (let q = 0; q < outside; q++)
        total[p * inside + b![p * outside + q]!]! += a![p * outside + q]!
    result.set(total)
    return
  }
  const backward = prim.op === 'sumPoolInput'
  const input = (backward ? prim.shape : shapes[0]!).slice(2)
  const output = (backward ? shapes[0]! : n.shape).slice(2)
  const [inside, outside] = [sizeOf(input), sizeOf(output)]
  const best = new Int32Array(planes * outside).fill(-1)
  for (let p = 0; p < planes; p++)
    meet(input, output, prim.window, (q, i) => {
      const [inAt, outAt] = [p * inside + i, p * outside + q]
      if (prim.op === 'sumPool') total[outAt]! += a![inAt]!
      else if (backward) total[inAt]! += a![outAt]!
      else {
        const held = best[outAt]! < 0 ? Number.NEGATIVE_INFINITY : a![p * inside + best[outAt]!]!
        if (
          best[outAt]! < 0 ||
          a![inAt]! > held ||
          (Number.isNaN(a![inAt]!) && !Number.isNaN(held))
        )
          best[outAt] = i
      }
    })
  if (prim.op === 'maxPool' && which === 1) result.set(best)
  else if (prim.op === 'maxPool')
    for (let j = 0; j < best.length; j++)
      result[j] =
        best[j]! < 0 ? Number.NEGATIVE_INFINITY : a![Math.floor(j / outside) * inside + best[j]!]!
  else {
    const { factor } = prim
    for (let j = 0; j < total.length; j++) result[j] = total[j]! * factor
  }
}
