/** The forms that elementwise operations take: one operand, two operands. See elementwise.ts. */
import type { MapFn } from '../backends/ir.js'
import { broadcastShapes } from '../core/shape.js'
import {
  defineOp,
  type Nested,
  operand,
  operands,
  type SampleMaker,
  type TensorLike,
  toType,
} from './define.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

/** Records an elementwise primitive. */
export const map = (fn: MapFn, ...inputs: Tensor[]): Tensor => prim({ op: 'map', fn }, inputs)

// ---- one operand ----

interface UnarySpec {
  name: string
  formula: string
  source?: string
  /** The primitive of the same meaning, of the same name if not said, or a composition. */
  lower?: MapFn | ((x: Tensor) => Tensor)
  /** dy/dx · ct; absent where the result is no float. */
  vjp?: (ct: Tensor, x: Tensor, y: Tensor) => Tensor
  example: [input: Nested, output: Nested]
  /** Where samples lie; -2 to 2 unless said otherwise. */
  domain?: [lo: number, hi: number]
  /** Takes integers without turning them into floats. */
  integers?: true
  /** Gives bool. */
  test?: true
}

export function unary(spec: UnarySpec) {
  const { name, lower = name as MapFn, vjp, integers } = spec
  return defineOp({
    name,
    formula: spec.formula,
    ...(spec.source && { source: spec.source }),
    args: (x: TensorLike) => ({ inputs: [operand(name, x, !integers)], attrs: {} }),
    forward: ([x]) => (typeof lower === 'string' ? map(lower, x!) : lower(x!)),
    ...(vjp
      ? { vjp: (ct: Tensor, [x]: Tensor[], y: Tensor) => [vjp(ct, x!, y)] }
      : { differentiable: false as const }),
    example: (m) => [[m.of(spec.example[0])], spec.example[1]],
    samples: (m: SampleMaker) => {
      const { domain = [-2, 2] } = spec
      return [
        [m.float([2, 3], ...domain)],
        [m.float([], ...domain)],
        [m.float([0], ...domain)],
        [m.float([1, 3, 5], ...domain)],
        ...(integers ? [[m.int([2, 3], -3, 4)]] : []),
      ]
    },
  })
}

// ---- two operands ----

interface BinarySpec {
  name: string
  formula: string
  lower?: MapFn | ((a: Tensor, b: Tensor) => Tensor)
  /** Gradients of a and b; either may be null. They may have the broadcast shape. */
  vjp?: (ct: Tensor, a: Tensor, b: Tensor, y: Tensor) => [Tensor | null, Tensor | null]
  example: [a: Nested, b: Nested, output: Nested]
  domain?: [lo: number, hi: number]
  domainB?: [lo: number, hi: number]
  /** Integers become floats first. */
  float?: true
  /** bool operands are allowed. */
  bools?: true
}

export const binary = (spec: BinarySpec) => defineOp(binarySpec(spec))

/** The block of an operation of two operands, for those that add arguments of their own. */
export function binarySpec(spec: BinarySpec) {
  const { name, lower = name as MapFn, vjp, float } = spec
  return {
    name,
    formula: spec.formula,
    args: (a: TensorLike, b: TensorLike) => {
      let inputs = operands(name, [a, b], { float })
      if (inputs[0]!.dtype === 'bool' && !spec.bools) inputs = inputs.map((t) => toType(t, 'int32'))
      broadcastShapes(name, inputs[0]!.shape, inputs[1]!.shape)
      return { inputs, attrs: {} }
    },
    forward: ([a, b]: Tensor[]) => (typeof lower === 'string' ? map(lower, a!, b!) : lower(a!, b!)),
    ...(vjp
      ? { vjp: (ct: Tensor, [a, b]: Tensor[], y: Tensor) => vjp(ct, a!, b!, y) }
      : { differentiable: false as const }),
    example: (m: SampleMaker) => {
      const [a, b, y] = spec.example
      return [[m.of(a), m.of(b)], y] as readonly [unknown[], Nested]
    },
    samples: (m: SampleMaker) => {
      const { domain = [-2, 2], domainB = domain } = spec
      return [
        [m.float([2, 3], ...domain), m.float([2, 3], ...domainB)],
        [m.float([2, 1, 3], ...domain), m.float([4, 1], ...domainB)],
        [m.float([3], ...domain), 1.5],
        [m.float([], ...domain), m.float([2, 2], ...domainB)],
        [m.float([0, 3], ...domain), m.float([1, 3], ...domainB)],
        [m.int([2, 3], 1, 7), m.int([3], 1, 4)],
      ]
    },
  }
}
