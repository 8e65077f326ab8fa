/** Scaled dot-product attention: the public function, which draws what is dropped. */
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, orNull, type PlacesOr, readOptions } from '../core/options.js'
import { broadcastShapes, type Shape, sameShape, sizeOf } from '../core/shape.js'
import { type DType, isFloat } from '../core/dtype.js'
import { requireOperands } from '../ops/arguments.js'
import {
  type AttentionForm,
  type AttentionInputs,
  attention,
  plainAttention,
} from '../ops/attention.js'
import { add } from '../ops/arithmetic.js'
import { expand, reshape } from '../ops/broadcast.js'
import { operands, toType, unhalved } from '../ops/define.js'
import type { Tensor } from '../ops/tensor.js'
import { defaultGenerator, type Generator } from './random.js'

export interface AttentionOptions {
  /**
   * Broadcasts to (..., H, L, S). bool: true where a key takes part. Of the type of the query: added to the scores.
   * A row that no key takes part in gives 0.
   */
  attnMask?: Tensor | null
  /** The probability that a weight is dropped; the others are scaled by 1/(1 − p). It is not told of evaluation. */
  dropoutP?: number
  /** Query i sees keys 0 to i only; together with a mask, both hold. */
  isCausal?: boolean
  /** 1/√E unless given. */
  scale?: number | null
  /** Several heads of queries share one of keys and values. */
  enableGqa?: boolean
  generator?: Generator
}
const places = {
  attnMask: kinds.any,
  dropoutP: kinds.number,
  isCausal: kinds.flag,
  scale: orNull(kinds.number),
  enableGqa: kinds.flag,
}
const OP = 'scaledDotProductAttention'

interface Canonical {
  /** Of four axes; half types as float32. */
  inputs: AttentionInputs
  dtype: DType
  form: AttentionForm
  /** The axes before the last two, of the result. */
  lead: Shape
}

const lastTwo = (t: Tensor) => t.shape.slice(-2) as [number, number]

/** Reads and checks the arguments, and brings the tensors to (B, H, length, width). */
function canonical(given: readonly [Tensor, Tensor, Tensor], options: AttentionOptions): Canonical {
  const { attnMask, dropoutP = 0, isCausal = false, enableGqa = false } = options
  const { generator = defaultGenerator } = options
  requireOperands(OP, ...given)
  for (const t of given)
    if (!isFloat(t.dtype))
      throw new DTypeError({
        op: OP,
        rule: 'query, key and value are of a float type',
        got: t.dtype,
      })
  const typed = operands(OP, given)
  const { dtype } = typed[0]!
  const [q, k, v] = typed.map(unhalved) as [Tensor, Tensor, Tensor]
  const shapes = () => given.map((t) => show(t.shape)).join(', ')
  if ([q, k, v].some((t) => t.rank < 2 || t.rank !== q.rank))
    throw new ShapeError({
      op: OP,
      rule: 'query, key and value must be (..., length, width), all with as many axes',
      got: shapes(),
    })
  const [L, E] = lastTwo(q)
  const [S, keyWidth] = lastTwo(k)
  if (keyWidth !== E)
    throw new ShapeError({
      op: OP,
      rule: `the last axis of key must be that of query, ${E}`,
      got: show(k.shape),
    })
  if (v.shape[v.rank - 2] !== S)
    throw new ShapeError({
      op: OP,
      rule: `value must have as many rows as key, ${S}`,
      got: show(v.shape),
    })
  if (!(dropoutP >= 0 && dropoutP <= 1))
    throw new ValueError({ op: OP, rule: 'dropoutP must lie in [0, 1]', got: `${dropoutP}` })
  // Heads are the axis before the last two; what stands before is the batch.
  const heads = (t: Tensor) => (t.rank > 2 ? t.shape[t.rank - 3]! : 1)
  const before = (t: Tensor) => t.shape.slice(0, Math.max(0, t.rank - 3))
  const batch = broadcastShapes(OP, before(q), before(k), before(v))
  let H = heads(q)
  let G = heads(k)
  if (enableGqa) {
    if (heads(v) !== G || G === 0 || H % G !== 0)
      throw new ShapeError({
        op: OP,
        rule: 'key and value must have the same number of heads, which divides that of query',
        got: shapes(),
      })
  } else {
    const lead = broadcastShapes(OP, ...[q, k, v].map((t) => (t.rank > 2 ? [heads(t)] : [])))
    H = lead[0] ?? 1
    G = H
  }
  const lead = q.rank > 2 ? [...batch, H] : []
  const B = sizeOf(batch)
  const four = (t: Tensor, n: number) => {
    const shape = t.rank > 2 ? [...batch, n, ...lastTwo(t)] : t.shape
    const spread = sameShape(shape, t.shape) ? t : expand(t, shape)
    return t.rank === 4 ? spread : reshape(spread, [B, n, ...lastTwo(t)])
  }
  const scale = options.scale ?? 1 / Math.sqrt(Math.max(1, E))
  return {
    inputs: {
      q: four(q, H),
      k: four(k, G),
      v: four(v, G),
      mask: attnMask ? maskOf(attnMask, q, [...lead, L, S], [B, H, L, S]) : null,
      // A copy, which the next draw does not change.
      state: dropoutP > 0 ? generator.draw((now) => add(now, 0)) : null,
    },
    dtype,
    form: { scale, causal: isCausal, p: dropoutP },
    lead,
  }
}

/** The mask with four axes, of which any may be 1. */
function maskOf(mask: Tensor, q: Tensor, full: Shape, four: Shape): Tensor {
  requireOperands(OP, mask)
  if (mask.dtype !== 'bool' && !isFloat(mask.dtype))
    throw new DTypeError({
      op: OP,
      rule: 'attnMask must be bool, or of a float type to be added',
      got: mask.dtype,
      fix: "mask.to('bool') converts.",
    })
  const typed = mask.dtype === 'bool' || mask.dtype === q.dtype ? mask : toType(mask, q.dtype)
  if (mask.rank > full.length || !sameShape(broadcastShapes(OP, mask.shape, full), full))
    throw new ShapeError({
      op: OP,
      rule: `attnMask must broadcast to ${show(full)}`,
      got: show(mask.shape),
    })
  if (full.length > 4) {
    const lead = mask.rank > 2 ? full.slice(0, -2) : []
    const whole = expand(typed, [...lead, ...mask.shape.slice(-2)])
    return mask.rank > 2 ? reshape(whole, [four[0]!, four[1]!, ...lastTwo(mask)]) : whole
  }
  return reshape(typed, [...new Array<number>(4 - mask.rank).fill(1), ...mask.shape])
}

/**
 * Attention: softmax(q kᵀ · scale + mask) v, each query's mean of the values by how well their keys fit it.
 *
 * Shapes: query (..., H, L, E), key (..., H, S, E), value (..., H, S, D), output (..., H, L, D); with `enableGqa` key and
 * value have G heads, and G divides H. Source: Attention Is All You Need, https://arxiv.org/abs/1706.03762; PyTorch 2's
 * function of this name.
 * @throws ShapeError when the shapes do not fit; DTypeError for a mask that is neither bool nor float
 * @example scaledDotProductAttention(tensor([[0, 1]]), tensor([[5, 0], [5, 0]]), tensor([[1, 2], [3, 4]])) // [[2, 3]]
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  ...rest: PlacesOr<AttentionOptions>
): Tensor {
  const options = readOptions<AttentionOptions>(OP, rest, places, { generator: kinds.any })
  const read = canonical([query, key, value], options)
  const { q, k, v, mask, state } = read.inputs
  return asGiven(attention(q, k, v, mask, state, read.form)[0]!, read)
}

/** With the axes and of the type that came. */
function asGiven(t: Tensor, { lead, dtype }: Canonical): Tensor {
  const shape = [...lead, ...lastTwo(t)]
  return toType(sameShape(shape, t.shape) ? t : reshape(t, shape), dtype)
}

/** The same, and its weights (..., H, L, S), what is dropped already out of them. */
export function attentionWithWeights(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): [output: Tensor, weights: Tensor] {
  const read = canonical([query, key, value], options)
  const { output, weights } = plainAttention(read.inputs, read.form)
  return [asGiven(output, read), asGiven(weights, read)]
}
