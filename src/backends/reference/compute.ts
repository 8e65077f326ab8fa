import {
  arrayFrom,
  isHalf,
  newArray,
  numbersOf,
  type DType,
  type TypedArray,
} from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import { sizeOf } from '../../core/shape.js'
import type { Node } from '../ir.js'
import { bring, outputsOf, recordOf } from '../prims.js'
import { attentionPrims } from '../prims/attention.js'
import { expressionPrims } from '../prims/expression.js'
import { indexingPrims } from '../prims/indexing.js'
import { linalgPrims } from '../prims/linalg.js'
import { orderPrims } from '../prims/order.js'
import { quantizedPrims } from '../prims/quantized.js'
import { recurrentPrims } from '../prims/recurrent.js'
import { sparsePrims } from '../prims/sparse.js'
import { windowPrims } from '../prims/windows.js'
import type { Computed, Op, Several } from '../prims/record.js'
import { elementOf } from './combine.js'
import { each, place } from './coordinates.js'

// It runs any graph, also one that no operation has recorded.
bring(
  attentionPrims,
  expressionPrims,
  indexingPrims,
  linalgPrims,
  orderPrims,
  quantizedPrims,
  recurrentPrims,
  sparsePrims,
  windowPrims,
)

/**
 * The values of all outputs of one node from those of its inputs. Half types are computed with in double precision and
 * rounded once.
 */
export function compute(
  n: Node,
  args: readonly TypedArray[],
  inputs: readonly TypedArray[],
  offsets: readonly number[],
): TypedArray[] {
  const outputs = outputsOf(n)
  const numbers = outputs.map(({ dtype, shape }) =>
    isHalf(dtype) ? new Float64Array(sizeOf(shape)) : newArray(dtype, sizeOf(shape)),
  )
  const record = recordOf(n.prim)
  if ('reference' in record)
    record.reference(
      n as Computed<Op>,
      args.map((a, i) => numbersIn(n.inputs[i]!.dtype, a)) as unknown as Several<TypedArray>,
      numbers as unknown as Several<TypedArray>,
    )
  else fill(n, inputs, offsets, numbers[0]!)
  return outputs.map(({ dtype }, i) =>
    isHalf(dtype) ? arrayFrom(dtype, numbers[i]!) : numbers[i]!,
  )
}
const numbersIn = (dtype: DType, data: TypedArray) =>
  isHalf(dtype) ? numbersOf(dtype, data) : data

/** Writes the elements of what nothing computes. */
function fill(
  { prim, shape, dtype }: Node,
  inputs: readonly TypedArray[],
  offsets: readonly number[],
  out: TypedArray,
): void {
  switch (prim.op) {
    case 'input': {
      const from = numbersIn(dtype, inputs[prim.index]!)
      const first = (offsets[prim.index] ?? 0) + prim.offset
      each(shape, (at, i) => {
        out[i] = from[first + place(at, prim.strides)]!
      })
      return
    }
    case 'const':
      out.fill(elementOf(dtype, dtype === 'bool' ? Number(Boolean(prim.value)) : prim.value))
      return
    case 'iota':
      each(shape, (at, i) => {
        out[i] = at[prim.axis]!
      })
      return
  }
  throw new BackendError({ op: prim.op, rule: 'the host and other nodes compute it' })
}
