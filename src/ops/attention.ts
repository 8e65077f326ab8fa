/** Scaled dot-product attention over canonical shapes; tensor/attention.ts has the public function. */
import { rare } from '../backends/prims.js'
import { attentionPrims } from '../backends/prims/attention.js'
import { softmax } from './activation.js'
import { add, mul, sub, where } from './arithmetic.js'
import { coordinates, expand, permute, reshape, sum, swap } from './broadcast.js'
import { eq, ge, le } from './compare.js'
import { randomBits } from './creation.js'
import { defineOp, type Grads } from './define.js'
import { dropoutByBits } from './dropout.js'
import { exp, log, reciprocal } from './functions.js'
import { matmul } from './linalg.js'
import { concat } from './join.js'
import { amax } from './reduce.js'
import { state as running } from './state.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

const NONE = Number.NEGATIVE_INFINITY

/** Exponentials of rows, less their largest; that and the sum. A row of −∞ alone has the sum 0. */
function exponentials(x: Tensor): { e: Tensor; top: Tensor; total: Tensor } {
  const top = amax(x, -1, { keepdim: true })
  const e = exp(sub(x, where(eq(top, NONE), 0, top)))
  return { e, top, total: sum(e, -1, { keepdim: true }) }
}

/** Softmax over the last axis; a row of −∞ alone gives 0, not NaN. */
export const safeSoftmax = defineOp({
  name: 'safeSoftmax',
  formula: 'y = eˣ / Σ eˣ, 0 where every x of the row is −∞,  dx = y (dy − Σ dy y)',
  args: (x: Tensor) => ({ inputs: [x], attrs: {} }),
  forward: ([x]) => {
    const { e, total } = exponentials(x!)
    return mul(e, reciprocal(where(le(total, 0), 1, total)))
  },
  vjp: (ct, _inputs, y) => [mul(y!, sub(ct, sum(mul(ct, y), -1, { keepdim: true })))],
  example: (m) => [
    [
      m.of([
        [0, Math.LN2],
        [NONE, NONE],
      ]),
    ],
    [
      [1 / 3, 2 / 3],
      [0, 0],
    ],
  ],
  samples: (m) => [[m.float([2, 3])], [m.float([2, 3, 4])], [m.of([1000, 0, -1000])]],
})

export interface AttentionForm {
  /** What products of queries and keys are multiplied by. */
  scale: number
  /** Query i sees keys 0 to i. */
  causal: boolean
  /** The probability that a weight is dropped. */
  p: number
}
/**
 * q (B, H, L, E), k (B, G, S, E), v (B, G, S, D), G dividing H; mask broadcasts to (B, H, L, S), true where a key takes
 * part, or numbers that are added; state int32[3] of the generator that says what is dropped.
 */
export interface AttentionInputs {
  q: Tensor
  k: Tensor
  v: Tensor
  mask?: Tensor | null | undefined
  state?: Tensor | null | undefined
}

/** Products of heads that share keys and values: queries of one group stand under each other. */
function groups(q: Tensor, k: Tensor) {
  const [B, H, L] = q.shape as [number, number, number]
  const G = k.shape[1]!
  const one = G === H || G === 0
  return {
    together: (t: Tensor) => (one ? t : reshape(t, [B, G, (H / G) * L, t.shape[3]!])),
    apart: (t: Tensor) => (one ? t : reshape(t, [B, H, L, t.shape[3]!])),
  }
}

/** Scores (B, H, L, S), −∞ where a key is hidden. */
function scoresOf({ q, k, mask }: AttentionInputs, { scale, causal }: AttentionForm): Tensor {
  const { together, apart } = groups(q, k)
  let scores = apart(matmul(together(mul(q, scale)), swap(k)))
  if (causal) scores = where(ge(coordinates(scores, 2), coordinates(scores, 3)), scores, NONE)
  if (!mask) return scores
  return mask.dtype === 'bool' ? where(mask, scores, NONE) : add(scores, mask)
}
/** Weights before and after dropout. */
function weightsOf(inputs: AttentionInputs, form: AttentionForm) {
  const scores = scoresOf(inputs, form)
  const whole = scores.shape[3] === 0 ? scores : inputs.mask ? safeSoftmax(scores) : softmax(scores)
  const drop = (t: Tensor) =>
    inputs.state ? dropoutByBits(t, randomBits(inputs.state, scores.shape), form.p) : t
  return { scores, whole, drop }
}

/**
 * Attention with its weights held: the plain way, which gives gradients of any order. Output (B, H, L, D), weights
 * (B, H, L, S), and the scores that they come from.
 */
export function plainAttention(
  inputs: AttentionInputs,
  form: AttentionForm,
): { output: Tensor; weights: Tensor; scores: Tensor } {
  const { scores, whole, drop } = weightsOf(inputs, form)
  const { together, apart } = groups(inputs.q, inputs.k)
  const weights = drop(whole)
  return { output: apart(matmul(together(weights), inputs.v)), weights, scores }
}

/** The gradients by plain operations: of q, k, v and of what is added. */
function plainBack(
  inputs: AttentionInputs,
  form: AttentionForm,
  ct: Tensor,
): [Tensor, Tensor, Tensor, Tensor] {
  const { q, k, v } = inputs
  const { whole, drop } = weightsOf(inputs, form)
  const { together, apart } = groups(q, k)
  const slope = drop(apart(matmul(together(ct), swap(v))))
  const scores = mul(whole, sub(slope, sum(mul(whole, slope), -1, { keepdim: true })))
  const scaled = together(mul(scores, form.scale))
  return [
    apart(matmul(scaled, k)),
    matmul(swap(scaled), together(q)),
    matmul(swap(together(drop(whole))), together(ct)),
    scores,
  ]
}

interface Attributes extends AttentionForm {
  mask: boolean
  /** The mask is learned: its gradient is one of all queries and keys. */
  learned: boolean
}
/** The operands of the primitive: the mask by strides, of the full shape. */
const operandsOf = (list: readonly Tensor[], { mask }: Attributes): Tensor[] => {
  const shape = [...list[0]!.shape.slice(0, 3), list[1]!.shape[2]!]
  return list.map((t, i) => (mask && i === 3 ? expand(t, shape) : t))
}
const inputsOf = ([q, k, v, ...rest]: readonly Tensor[], { mask, p }: Attributes) => ({
  q: q!,
  k: k!,
  v: v!,
  mask: mask ? rest[0] : undefined,
  state: p > 0 ? rest[mask ? 1 : 0] : undefined,
})
/** Kernels compute in float32; a step without a first result is none. */
const tiled = ({ q, v }: AttentionInputs) => q.dtype !== 'float64' && q.size > 0 && v.shape[3]! > 0

/**
 * Attention by tiles, whose weights are never held together: output (B, H, L, D), and what its gradient makes them from
 * again, (B, H, L, 2): of each row the largest score, and the logarithm of the sum of exponentials less it. The gradient of
 * the gradient is that of the plain way.
 */
export const attention = defineOp({
  name: 'attention',
  formula:
    'y = softmax(q kᵀ s + m) v,  dv = Pᵀ dy,  dS = P ∘ (dy vᵀ − Σ dy y),  dq = s dS k,  dk = s dSᵀ q',
  source: 'https://arxiv.org/abs/2205.14135',
  args: (
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | null | undefined,
    state: Tensor | null | undefined,
    { scale, causal, p }: AttentionForm,
  ) => ({
    inputs: [q, k, v, ...(mask ? [mask] : []), ...(p > 0 ? [state!] : [])],
    attrs: {
      ...{ scale, causal, p, mask: !!mask },
      learned: !!mask && mask.dtype !== 'bool' && mask.requiresGrad,
    } satisfies Attributes,
  }),
  forward: (list, attrs): Tensor[] => {
    const inputs = inputsOf(list, attrs)
    const { learned: _, ...run } = attrs
    if (tiled(inputs)) {
      const y = prim(rare(attentionPrims, { op: 'attention', ...run }), operandsOf(list, attrs))
      return [permute(y, [0, 2, 1, 3]), prim({ op: 'output', index: 1 }, [y])]
    }
    const { output, scores } = plainAttention(inputs, attrs)
    if (scores.shape[3] === 0)
      return [output, expand(sum(scores, -1, { keepdim: true }), [...scores.shape.slice(0, 3), 2])]
    const { top, total } = exponentials(scores)
    return [output, concat([top, log(total)], 3)]
  },
  vjp: ([ct], list, [y, saved], attrs): Grads => {
    const inputs = inputsOf(list, attrs)
    const { learned, ...run } = attrs
    if (!ct) return []
    if (learned || running.gradEnabled || !tiled(inputs)) {
      const [q, k, v, scores] = plainBack(inputs, attrs, ct)
      return [q, k, v, ...(attrs.mask ? [learned ? scores : null] : [])]
    }
    const delta = sum(mul(ct, y!), -1, { keepdim: true })
    const { k, v } = inputs
    const step = { op: 'attentionBack', ...run, keys: k.shape, values: v.shape } as const
    const back = prim(rare(attentionPrims, step), [
      ...[ct, saved!, delta],
      ...operandsOf(list, attrs),
    ])
    return [back, 1, 2].map((t) =>
      permute(typeof t === 'number' ? prim({ op: 'output', index: t }, [back]) : t, [0, 2, 1, 3]),
    )
  },
  // Scores 0 and ln 2: weights 1/3 and 2/3.
  example: (m) => [
    [
      ...[m.of([[[[1]]]]), m.of([[[[0], [Math.LN2]]]]), m.of([[[[3], [6]]]])],
      ...[null, null, { scale: 1, causal: false, p: 0 }],
    ],
    [[[[5]]], [[[Math.LN2, Math.log(1.5)]]]],
  ],
  except: {
    gradient: 'the second result is for the gradient only; tests/backends/attention.test.ts',
  },
  samples: (m) => {
    const [q, k, v] = [m.float([2, 2, 3, 4]), m.float([2, 2, 5, 4]), m.float([2, 2, 5, 3])]
    const state = m.of([1, 2, 3], 'int32')
    const form = { scale: 0.5, causal: false, p: 0 }
    return [
      [q, k, v, null, null, form],
      [q, k, v, m.bool([2, 1, 3, 5]), null, { ...form, causal: true }],
      [q, k, v, m.float([1, 1, 3, 5]), state, { ...form, p: 0.3 }],
      [m.float([1, 4, 3, 2]), m.float([1, 2, 4, 2]), m.float([1, 2, 4, 2]), null, null, form],
    ]
  },
})
