/**
 * Elementwise operations: each output element depends on the elements at its own place (after broadcasting).
 * arithmetic.ts has the first of them, functions.ts those of one argument, compare.ts what gives bool.
 */
import { neg, add, div, mul, sub, where } from './arithmetic.js'
import { zerosOf } from './broadcast.js'
import { binary, map } from './forms.js'
import { ValueError } from '../core/errors.js'
import { broadcastShapes } from '../core/shape.js'
import { defineOp, operands, type TensorLike } from './define.js'
import type { Tensor } from './tensor.js'
import { constant } from './trace.js'
import { eq, ge, gt, le, lt } from './compare.js'
import { log, sigmoid, sign, square, trunc } from './functions.js'

/** ⌊a / b⌋, in the operands' own type. Integer division by 0 gives 0. @example floorDivide(tensor([7, -7]), 2) // [3, -4] */
export const floorDivide = binary({
  name: 'floorDivide',
  formula: 'y = ⌊a / b⌋',
  lower: 'floordiv',
  example: [[7, -7], 2, [3, -4]],
  domainB: [0.5, 2],
})

/** The remainder with the sign of the divisor: a − b⌊a/b⌋ (Python's %). @example remainder(tensor([7, -7]), 4) // [3, 1] */
export const remainder = binary({
  name: 'remainder',
  formula: 'y = a − b⌊a/b⌋,  dy/da = 1,  dy/db = −⌊a/b⌋',
  vjp: (ct, a, b) => [ct, neg(mul(ct, floorDivide(a, b)))],
  example: [[7, -7], 4, [3, 1]],
  domain: [1.1, 1.9],
  domainB: [0.6, 0.9],
})

/** The remainder with the sign of the dividend (C's fmod). @example fmod(tensor([7, -7]), 4) // [3, -3] */
export const fmod = binary({
  name: 'fmod',
  formula: 'y = a − b·trunc(a/b),  dy/da = 1,  dy/db = −trunc(a/b)',
  vjp: (ct, a, b) => [ct, neg(mul(ct, trunc(div(a, b))))],
  example: [[7, -7], 4, [3, -3]],
  domain: [1.1, 1.9],
  domainB: [0.6, 0.9],
})

/** aᵇ. A negative base needs a whole exponent. @example pow(tensor([2, 3]), 2) // [4, 9] */
export const pow = binary({
  name: 'pow',
  formula: 'y = aᵇ,  dy/da = b·aᵇ⁻¹,  dy/db = y·ln a',
  vjp: (ct, a, b, y) => [
    // At b = 0 the slope is 0 even where aᵇ⁻¹ is infinite; at a = 0 the logarithm's −inf does not count.
    mul(ct, where(eq(b, 0), 0, mul(b, pow(a, sub(b, 1))))),
    mul(ct, where(eq(a, 0), 0, mul(y, log(where(eq(a, 0), 1, a))))),
  ],
  example: [[2, 3], 2, [4, 9]],
  domain: [0.3, 2],
  domainB: [-2, 2],
})

/** The smaller of two; NaN wins. Equal operands share the gradient by halves. @example minimum(tensor([1, 5]), 3) // [1, 3] */
export const minimum = binary({
  name: 'minimum',
  formula: 'y = min(a, b),  dy/da = [a < b] + ½[a = b]',
  vjp: (ct, a, b) => shares(ct, gt(a, b), lt(a, b), eq(a, b)),
  example: [[1, 5], 3, [1, 3]],
  bools: true,
})

/** The larger of two; NaN wins. Equal operands share the gradient by halves. @example maximum(tensor([1, 5]), 3) // [3, 5] */
export const maximum = binary({
  name: 'maximum',
  formula: 'y = max(a, b),  dy/da = [a > b] + ½[a = b]',
  vjp: (ct, a, b) => shares(ct, lt(a, b), gt(a, b), eq(a, b)),
  example: [[1, 5], 3, [3, 5]],
  bools: true,
})

/** Nothing where the first or the second loses, halves where they are equal; beside NaN both win, as in PyTorch. */
function shares(
  ct: Tensor,
  firstLoses: Tensor,
  secondLoses: Tensor,
  tie: Tensor,
): [Tensor, Tensor] {
  const g = where(tie, mul(ct, 0.5), ct)
  return [where(firstLoses, 0, g), where(secondLoses, 0, g)]
}

/** The angle of the point (b, a) from the x axis, −π to π. @example atan2(tensor([1, -1]), tensor([1, 0])) // [0.7854, -1.5708] */
export const atan2 = binary({
  name: 'atan2',
  formula: 'y = atan(a/b) by quadrant,  dy/da = b/(a²+b²),  dy/db = −a/(a²+b²)',
  vjp: (ct, a, b) => {
    const r = div(ct, add(square(a), square(b)))
    return [mul(r, b), neg(mul(r, a))]
  },
  example: [
    [1, -1],
    [1, 0],
    [0.7853981633974483, -1.5707963267948966],
  ],
  float: true,
})

/** √(a² + b²) without overflow. @example hypot(tensor([3]), 4) // [5] */
export const hypot = binary({
  name: 'hypot',
  formula: 'y = √(a² + b²),  dy/da = a/y,  dy/db = b/y',
  vjp: (ct, a, b, y) => {
    const r = div(ct, y)
    return [mul(r, a), mul(r, b)]
  },
  example: [[3], 4, [5]],
  float: true,
})

/** The magnitude of a with the sign of b. @example copysign(tensor([3, 4]), tensor([-1, 1])) // [-3, 4] */
export const copysign = binary({
  name: 'copysign',
  formula: 'y = |a|·sign b,  dy/da = sign a · sign b,  dy/db = 0',
  vjp: (ct, a, _b, y) => [where(eq(a, 0), 0, mul(ct, mul(sign(a), sign(y)))), zerosOf(ct)],
  example: [
    [3, 4],
    [-1, 1],
    [-3, 4],
  ],
  float: true,
})

/** log(eᵃ + eᵇ), stable. @example logaddexp(tensor([0]), 0) // [0.6931472] */
export const logaddexp = binary({
  name: 'logaddexp',
  formula: 'y = log(eᵃ + eᵇ),  dy/da = eᵃ⁻ʸ',
  lower: (a, b) => {
    const m = map('maximum', a, b)
    const d = map('neg', map('abs', map('sub', a, b)))
    // Both infinite: the difference is NaN, the larger one is the answer.
    const tail = map('log1p', map('exp', d))
    return map(
      'where',
      map('isnan', d),
      map('where', map('isnan', m), m, map('add', a, b)),
      map('add', m, tail),
    )
  },
  vjp: (ct, a, b) => {
    const s = sigmoid(sub(a, b))
    return [mul(ct, s), mul(ct, sub(1, s))]
  },
  example: [[0], 0, [0.6931471805599453]],
  float: true,
})

/**
 * x limited to [min, max]; either may be null.
 * @throws ValueError when both are null
 * @example clamp(tensor([-1, 0.5, 2]), 0, 1) // [0, 0.5, 1]
 */
export const clamp = defineOp({
  name: 'clamp',
  formula: 'y = min(max(x, lo), hi),  dy/dx = [lo ≤ x ≤ hi]',
  args: (x: TensorLike, min: TensorLike | null, max: TensorLike | null = null) => {
    if (min === null && max === null)
      throw new ValueError({ op: 'clamp', rule: 'at least one of min and max must be given' })
    const bounds = [min, max].filter((v) => v !== null)
    const inputs = operands('clamp', [x, ...bounds])
    broadcastShapes('clamp', ...inputs.map((t) => t.shape))
    return { inputs, attrs: { min: min !== null, max: max !== null } }
  },
  forward: ([x, ...bounds], { min, max }) => {
    let y = x!
    if (min) y = map('maximum', y, bounds[0]!)
    if (max) y = map('minimum', y, bounds[bounds.length - 1]!)
    return y
  },
  vjp: (ct, [x, ...bounds], _y, { min, max }) => {
    const lo = min ? bounds[0]! : null
    const hi = max ? bounds[bounds.length - 1]! : null
    let gx = ct
    if (lo) gx = where(ge(x!, lo), gx, 0)
    if (hi) gx = where(le(x!, hi), gx, 0)
    const grads = [gx]
    if (lo) {
      const g = where(lt(x!, lo), ct, 0)
      grads.push(hi ? where(lt(lo, hi), g, 0) : g)
    }
    if (hi) {
      const above = gt(lo ? maximum(x!, lo) : x!, hi)
      grads.push(where(above, ct, 0))
    }
    return grads
  },
  example: (m) => [
    [m.of([-1, 0.5, 2]), 0, 1],
    [0, 0.5, 1],
  ],
  samples: (m) => [
    [m.float([2, 3]), -0.9, 0.8],
    [m.float([4]), null, 0.3],
    [m.float([2, 2]), m.float([2], -1, -0.5), m.float([2, 1], 0.5, 1)],
    [m.float([0]), 0],
    [m.int([4], -5, 5), -2, 2],
  ],
})

/**
 * Linear interpolation from a to b.
 * @example lerp(tensor([0]), tensor([10]), 0.25) // [2.5]
 */
export const lerp = defineOp({
  name: 'lerp',
  formula: 'y = a + w(b − a),  dy/da = 1 − w,  dy/db = w,  dy/dw = b − a',
  args: (a: TensorLike, b: TensorLike, weight: TensorLike) => {
    const inputs = operands('lerp', [a, b, weight], { float: true })
    broadcastShapes('lerp', ...inputs.map((t) => t.shape))
    return { inputs, attrs: {} }
  },
  // From the nearer end, so that each end is met exactly.
  forward: ([a, b, w]) => {
    const d = map('sub', b!, a!)
    const one = constant(1, w!.dtype)
    const near = map('lt', w!, constant(0.5, w!.dtype))
    return map(
      'where',
      near,
      map('add', a!, map('mul', w!, d)),
      map('sub', b!, map('mul', d, map('sub', one, w!))),
    )
  },
  vjp: (ct, [a, b, w]) => [mul(ct, sub(1, w!)), mul(ct, w!), mul(ct, sub(b!, a!))],
  example: (m) => [[m.of([0]), m.of([10]), 0.25], [2.5]],
  samples: (m) => [
    [m.float([2, 3]), m.float([3]), 0.3],
    [m.float([2]), m.float([2]), m.float([2, 1])],
    [m.float([0]), m.float([0]), 0.5],
  ],
})
