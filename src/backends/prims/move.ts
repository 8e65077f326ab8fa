/** What moves elements and computes nothing. */
import { type Shape, stridesOf } from '../../core/shape.js'
import type { View } from '../ir.js'
import { elementOf } from '../reference/combine.js'
import { each, place } from '../reference/coordinates.js'
import { along, type Records, shaped } from './record.js'

export interface MovePrims {
  /** Same elements in row-major order, other shape. */
  reshape: { shape: Shape }
  view: { view: View }
  /**
   * The adjoint of a view: a tensor of `shape`, where out[view(i)] = x[i] (or += with accumulate), all else
   * `fill`, or base when there is a second input. Inputs: x [, base].
   */
  place: { shape: Shape; view: View; fill: number; accumulate: boolean }
  concat: { axis: number }
}

/** Calls `f` with every place of a view among the elements of `shape`, and its number. */
function eachPlace(view: View, shape: Shape, f: (at: number, i: number) => void): void {
  const own = stridesOf(shape)
  const base = place(view.offset, own)
  each(view.shape, (at, i) => {
    let p = base
    view.axes.forEach((parts, o) => {
      for (const [axis, step] of parts) p += step * own[axis]! * at[o]!
    })
    f(p, i)
  })
}

export const movePrims = {
  reshape: {
    gives: shaped,
    as: 'view',
    batch: 'own',
    reference: (_, [x], [out]) => out.set(x),
  },
  view: {
    gives: ({ view }, [x]) => ({ shape: view.shape, dtype: x!.dtype }),
    as: 'view',
    batch: 'own',
    reference({ prim, inputs }, [x], [out]) {
      eachPlace(prim.view, inputs[0]!.shape, (p, i) => {
        out[i] = x[p]!
      })
    },
  },
  place: {
    gives: shaped,
    as: 'moves',
    mayOverwrite: 1,
    batch: 'own',
    reference({ prim, shape, dtype, inputs }, [x, base], [out]) {
      if (inputs.length > 1) out.set(base)
      else out.fill(elementOf(dtype, prim.fill))
      eachPlace(prim.view, shape, (p, i) => {
        out[p] = prim.accumulate ? out[p]! + x[i]! : x[i]!
      })
    },
  },
  concat: {
    gives: ({ axis }, inputs) => {
      const n = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0)
      return { shape: along(inputs[0]!, [axis], n), dtype: inputs[0]!.dtype }
    },
    as: 'moves',
    batch: 'later',
    reference({ prim, shape, inputs }, args, [out]) {
      const own = stridesOf(shape)
      let first = 0
      inputs.forEach((t, k) => {
        each(t.shape, (at, i) => {
          out[place(at, own) + first * own[prim.axis]!] = args[k]![i]!
        })
        first += t.shape[prim.axis]!
      })
    },
  },
} satisfies Records<keyof MovePrims>
