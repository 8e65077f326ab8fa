/** Convolution and pooling: one walk over windows serves all of them. */
import { type Shape, sizeOf } from '../../core/shape.js'
import type { Window } from '../ir.js'
import type { Reference } from '../prims/record.js'
import { each } from './coordinates.js'

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

/** Calls `f` with the flat places in x, w and y of every product of a convolution. */
function products(
  [x, w, y]: readonly [Shape, Shape, Shape],
  { groups, window }: { groups: number; window: Window },
  f: (x: number, w: number, y: number) => void,
): void {
  const [N, C, O, perGroup] = [x[0]!, x[1]!, w[0]!, w[1]!]
  const [inside, taps, outside] = [x, w, y].map((s) => sizeOf(s.slice(2))) as [
    number,
    number,
    number,
  ]
  for (let i = 0; i < N; i++)
    for (let o = 0; o < O; o++) {
      const group = Math.floor(o / (O / groups))
      for (let c = 0; c < perGroup; c++) {
        const xAt = (i * C + group * perGroup + c) * inside
        const yAt = (i * O + o) * outside
        const wAt = (o * perGroup + c) * taps
        meet(x.slice(2), y.slice(2), window, (q, p, k) => f(xAt + p, wAt + k, yAt + q))
      }
    }
}

export const conv: Reference<'conv'> = ({ prim, inputs, shape }, [x, w], [y]) => {
  const total = new Float64Array(y.length)
  products([inputs[0]!.shape, inputs[1]!.shape, shape], prim, (i, k, j) => {
    total[j]! += x[i]! * w[k]!
  })
  y.set(total)
}
export const convInput: Reference<'convInput'> = ({ prim, inputs }, [y, w], [x]) => {
  const total = new Float64Array(x.length)
  products([prim.shape, inputs[1]!.shape, inputs[0]!.shape], prim, (i, k, j) => {
    total[i]! += y[j]! * w[k]!
  })
  x.set(total)
}
export const convWeight: Reference<'convWeight'> = ({ prim, inputs }, [y, x], [w]) => {
  const total = new Float64Array(w.length)
  products([inputs[1]!.shape, prim.shape, inputs[0]!.shape], prim, (i, k, j) => {
    total[k]! += y[j]! * x[i]!
  })
  w.set(total)
}

/** Calls `f` with the flat places of every cell and the window that it lies in. */
function pairs(x: Shape, y: Shape, window: Window, f: (x: number, y: number) => void): void {
  const [inside, outside] = [x, y].map((s) => sizeOf(s.slice(2))) as [number, number]
  for (let p = 0; p < x[0]! * x[1]!; p++)
    meet(x.slice(2), y.slice(2), window, (q, i) => f(p * inside + i, p * outside + q))
}

export const maxPool: Reference<'maxPool'> = ({ prim, inputs, shape }, [x], [y, index]) => {
  const inside = sizeOf(inputs[0]!.shape.slice(2))
  y.fill(Number.NEGATIVE_INFINITY)
  index.fill(-1)
  pairs(inputs[0]!.shape, shape, prim.window, (i, j) => {
    const beaten = x[i]! > y[j]! || (Number.isNaN(x[i]!) && !Number.isNaN(y[j]!))
    if (index[j]! >= 0 && !beaten) return
    y[j] = x[i]!
    index[j] = i % inside
  })
}
export const maxPoolInput: Reference<'maxPoolInput'> = ({ prim, inputs }, [y, index], [x]) => {
  const total = new Float64Array(x.length)
  const [inside, outside] = [prim.shape, inputs[0]!.shape].map((s) => sizeOf(s.slice(2)))
  for (let j = 0; j < y.length; j++) total[Math.floor(j / outside!) * inside! + index[j]!]! += y[j]!
  x.set(total)
}
export const sumPool: Reference<'sumPool'> = ({ prim, inputs, shape }, [x], [y]) => {
  const total = new Float64Array(y.length)
  pairs(inputs[0]!.shape, shape, prim.window, (i, j) => {
    total[j]! += x[i]!
  })
  y.set(total.map((v) => v * prim.factor))
}
export const sumPoolInput: Reference<'sumPoolInput'> = ({ prim, inputs }, [y], [x]) => {
  const total = new Float64Array(x.length)
  pairs(prim.shape, inputs[0]!.shape, prim.window, (i, j) => {
    total[i]! += y[j]!
  })
  x.set(total.map((v) => v * prim.factor))
}
