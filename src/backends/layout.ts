import type { Node, View } from './ir.js'
import { type Shape, sizeOf, stridesOf } from '../core/shape.js'

/** Where the elements of a value lie in the memory of an input. */
export interface Affine {
  input: Node
  strides: readonly number[]
  offset: number
}

/** The strides that show the same elements under another shape, or undefined when they need a copy. */
export function reshapeStrides(
  shape: Shape,
  strides: readonly number[],
  to: Shape,
): number[] | undefined {
  if (sizeOf(shape) === 0) return stridesOf(to)
  // Groups of axes that advance as one, from the last; each axis of the new shape must fall into one.
  const out = new Array<number>(to.length)
  let o = to.length - 1
  let a = shape.length - 1
  while (a >= 0) {
    while (a >= 0 && shape[a] === 1) a--
    if (a < 0) break
    const step = strides[a]!
    let extent = shape[a]!
    a--
    while (a >= 0 && (shape[a] === 1 || strides[a] === step * extent)) {
      extent *= shape[a]!
      a--
    }
    let n = 1
    while (o >= 0 && (n < extent || to[o] === 1)) {
      out[o] = step * n
      n *= to[o]!
      o--
    }
    if (n !== extent) return undefined
  }
  for (; o >= 0; o--) {
    if (to[o] !== 1) return undefined
    out[o] = 0
  }
  return out
}

/** The layout that a view of a layout has. */
export function viewLayout(
  view: View,
  strides: readonly number[],
  offset: number,
): { strides: number[]; offset: number } {
  let at = offset
  // What is empty has no place: one behind the end of its memory would be refused.
  if (sizeOf(view.shape) > 0)
    for (let a = 0; a < strides.length; a++) at += view.offset[a]! * strides[a]!
  const out = new Array<number>(view.axes.length)
  for (let i = 0; i < out.length; i++) {
    const parts = view.axes[i]!
    let s = 0
    for (let p = 0; p < parts.length; p++) s += parts[p]![1] * strides[parts[p]![0]]!
    out[i] = s
  }
  return { strides: out, offset: at }
}

/** Follows views and reshapes down to an input; undefined when something is computed on the way. */
export function affine(n: Node): Affine | undefined {
  const { prim } = n
  if (prim.op === 'input') return { input: n, strides: prim.strides, offset: prim.offset }
  if (prim.op !== 'view' && prim.op !== 'reshape') return undefined
  const base = affine(n.inputs[0]!)
  if (!base) return undefined
  if (prim.op === 'view')
    return { input: base.input, ...viewLayout(prim.view, base.strides, base.offset) }
  const strides = reshapeStrides(n.inputs[0]!.shape, base.strides, n.shape)
  return strides && { input: base.input, strides, offset: base.offset }
}

/** Does the node stand for one constant at every place? Then it may be read as that. */
export function constantOf(n: Node): Node | undefined {
  if (n.prim.op === 'const') return n
  if (n.prim.op === 'view' || n.prim.op === 'reshape') return constantOf(n.inputs[0]!)
  return undefined
}

/** Does every place of the view hit an element of its own? */
export function injective(shape: Shape, strides: readonly number[]): boolean {
  const axes = shape
    .map((n, a) => ({ n, s: Math.abs(strides[a]!) }))
    .filter((x) => x.n > 1)
    .sort((a, b) => a.s - b.s)
  let span = 0
  for (const { n, s } of axes) {
    if (s <= span) return false
    span += s * (n - 1)
  }
  return true
}
