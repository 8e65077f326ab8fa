/** Elementwise functions that are compositions of those in arithmetic.ts, elementwise.ts and functions.ts. */
import { kinds, type PlacesOr, readOptions } from '../core/options.js'
import { type AlphaOptions, add, cast, div, mul, sub, where } from './arithmetic.js'
import { zerosOf } from './broadcast.js'
import { isFloat } from '../core/dtype.js'
import {
  eq,
  ge,
  gt,
  isfinite,
  isnan,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  lt,
} from './compare.js'
import { operand, operands, type TensorLike } from './define.js'
import { clamp, logaddexp, pow } from './elementwise.js'
import { abs, exp2, floor, log, log2, sin, square } from './functions.js'
import { noGrad } from './state.js'
import type { Tensor } from './tensor.js'

/** Names for `clamp` with one bound. @example clampMin(tensor([-1, 2]), 0) // [0, 2] */
export const clampMin = (x: TensorLike, min: TensorLike): Tensor => clamp(x, min, null)
/** @example clampMax(tensor([-1, 2]), 0) // [-1, 0] */
export const clampMax = (x: TensorLike, max: TensorLike): Tensor => clamp(x, null, max)

/** x + value · a · b. @example addcmul(tensor([1]), tensor([2]), tensor([3]), { value: 0.5 }) // [4] */
export const addcmul = (x: Tensor, a: TensorLike, b: TensorLike, options?: ValueOptions): Tensor =>
  add(x, scaled('addcmul', mul(a, b), options))
/** x + value · a / b. @example addcdiv(tensor([1]), tensor([6]), tensor([3]), { value: 0.5 }) // [2] */
export const addcdiv = (x: Tensor, a: TensorLike, b: TensorLike, options?: ValueOptions): Tensor =>
  add(x, scaled('addcdiv', div(a, b), options))
export interface ValueOptions {
  /** Multiplies what is added; 1 unless said otherwise. */
  value?: number
}
function scaled(op: string, x: Tensor, options?: ValueOptions): Tensor {
  const { value = 1 } = readOptions<ValueOptions>(op, [options], {}, { value: kinds.number })
  return value === 1 ? x : mul(x, value)
}
/** b − alpha · a. @example rsub(tensor([1, 2]), 10) // [9, 8] */
export function rsub(a: TensorLike, b: TensorLike, options?: AlphaOptions): Tensor {
  const { alpha = 1 } = readOptions<AlphaOptions>('rsub', [options], {}, { alpha: kinds.number })
  return sub(b, alpha === 1 ? a : mul(a, alpha))
}
/** x as it is. @example positive(tensor([1, -2])) // [1, -2] */
export const positive = (x: Tensor): Tensor => x

/** The larger of two; a number wins over NaN. @example fmax(tensor([NaN, 1]), 2) // [2, 2] */
export function fmax(a: TensorLike, b: TensorLike): Tensor {
  return unlessNaN(a, b, (x, y) => ge(x, y))
}
/** The smaller of two; a number wins over NaN. @example fmin(tensor([NaN, 3]), 2) // [2, 2] */
export function fmin(a: TensorLike, b: TensorLike): Tensor {
  return unlessNaN(a, b, (x, y) => le(x, y))
}
/** The first where it wins or the second is NaN: so goes the gradient too. */
function unlessNaN(a: TensorLike, b: TensorLike, wins: (x: Tensor, y: Tensor) => Tensor): Tensor {
  const [x, y] = operands('fmax', [a, b]) as [Tensor, Tensor]
  return where(logicalOr(wins(x, y), isnan(y)), x, y)
}

/** 0 below 0, 1 above, `atZero` at 0; NaN stays. @example heaviside(tensor([-1, 0, 2]), 0.5) // [0, 0.5, 1] */
export function heaviside(x: TensorLike, atZero: TensorLike): Tensor {
  const [t, v] = operands('heaviside', [x, atZero]) as [Tensor, Tensor]
  return noGrad(() => where(eq(t, 0), v, where(isnan(t), t, cast(gt(t, 0), t.dtype))))
}

/** How near two numbers must be. */
export interface CloseOptions {
  rtol?: number
  atol?: number
  equalNan?: boolean
}
export const closePlaces = { rtol: kinds.number, atol: kinds.number, equalNan: kinds.flag }
/** Within |a − b| ≤ atol + rtol |b|, place by place. @example isclose(tensor([1, 2]), tensor([1, 2.1])) // [true, false] */
export function isclose(a: TensorLike, b: TensorLike, ...rest: PlacesOr<CloseOptions>): Tensor {
  const {
    rtol = 1e-5,
    atol = 1e-8,
    equalNan = false,
  } = readOptions<CloseOptions>('isclose', rest, closePlaces)
  const [x, y] = operands('isclose', [a, b]) as [Tensor, Tensor]
  const near = le(abs(sub(x, y)), add(mul(abs(y), rtol), atol))
  const same = logicalOr(eq(x, y), logicalAnd(near, isfinite(y)))
  return equalNan ? logicalOr(same, logicalAnd(isnan(x), isnan(y))) : same
}

/** Is it −∞? @example isneginf(tensor([-Infinity, 1])) // [true, false] */
export const isneginf = (x: TensorLike): Tensor => eq(x, Number.NEGATIVE_INFINITY)
/** Is it +∞? @example isposinf(tensor([Infinity, 1])) // [true, false] */
export const isposinf = (x: TensorLike): Tensor => eq(x, Number.POSITIVE_INFINITY)
/** Is it a real number? All are. @example isreal(tensor([1, 2])) // [true, true] */
export const isreal = (x: TensorLike): Tensor => {
  const t = operand('isreal', x)
  return logicalOr(eq(t, t), isnan(t))
}
/** Has it a minus sign? That of −0 counts. @example signbit(tensor([-1, 0, 2])) // [true, false, false] */
export function signbit(x: TensorLike): Tensor {
  const t = operand('signbit', x)
  return isFloat(t.dtype) ? logicalOr(lt(t, 0), lt(div(1, where(eq(t, 0), t, 1)), 0)) : lt(t, 0)
}

/** Degrees to radians. @example deg2rad(tensor([180])) // [3.14159] */
export const deg2rad = (x: TensorLike): Tensor => mul(operand('deg2rad', x, true), Math.PI / 180)
/** Radians to degrees. @example rad2deg(tensor([3.14159274])) // [180] */
export const rad2deg = (x: TensorLike): Tensor => mul(operand('rad2deg', x, true), 180 / Math.PI)
/** The angle of a real number: 0, or π below 0; NaN stays. @example angle(tensor([2, -2])) // [0, 3.14159] */
export function angle(x: TensorLike): Tensor {
  const t = operand('angle', x, true)
  return noGrad(() => where(isnan(t), t, where(lt(t, 0), Math.PI, zerosOf(t))))
}

/** log₂(2ᵃ + 2ᵇ), stable. @example logaddexp2(tensor([1]), 1) // [2] */
export const logaddexp2 = (a: TensorLike, b: TensorLike): Tensor => {
  const [x, y] = operands('logaddexp2', [a, b], { float: true }) as [Tensor, Tensor]
  return div(logaddexp(mul(x, Math.LN2), mul(y, Math.LN2)), Math.LN2)
}
/** x · 2ᵉ. @example ldexp(tensor([3]), tensor([2])) // [12] */
export function ldexp(x: TensorLike, exponent: TensorLike): Tensor {
  const [t, e] = operands('ldexp', [x, exponent], { float: true }) as [Tensor, Tensor]
  return mul(t, exp2(e))
}
/**
 * Mantissas of magnitude 0.5 to 1 and int32 exponents: x = m · 2ᵉ.
 * @example frexp(tensor([8, 0.75]))[0] // [0.5, 0.75]
 */
export function frexp(x: Tensor): [mantissa: Tensor, exponent: Tensor] {
  const usable = logicalAnd(isfinite(x), logicalNot(eq(x, 0)))
  const size = noGrad(() => where(usable, abs(x), 1))
  const guess = floor(log2(size))
  // In two halves, since 2ᵉ alone can overflow where x does not.
  const half = floor(mul(guess, 0.5))
  const power = (e: Tensor) => exp2(e)
  const scaledDown = (t: Tensor) => div(div(t, power(half)), power(sub(guess, half)))
  const m = scaledDown(size)
  // The logarithm may round to the next whole number.
  const shift = where(ge(m, 2), 1, where(lt(m, 1), -1, zerosOf(m)))
  const exponent = add(add(guess, shift), 1)
  const mantissa = div(scaledDown(where(usable, x, 1)), exp2(add(shift, 1)))
  return [where(usable, mantissa, x), cast(where(usable, exponent, 0), 'int32')]
}

/** sin(πx)/(πx), and 1 at 0. @example sinc(tensor([0, 0.5])) // [1, 0.63662] */
export function sinc(x: TensorLike): Tensor {
  const t = operand('sinc', x, true)
  const zero = eq(t, 0)
  const y = mul(where(zero, 1, t), Math.PI)
  // Around 0 the series gives the derivatives of every order.
  return where(zero, sub(1, mul(square(t), (Math.PI * Math.PI) / 6)), div(sin(y), y))
}
/** x log y, and 0 where x is 0 and y is a number. @example xlogy(tensor([0, 2]), tensor([0, 1])) // [0, 0] */
export function xlogy(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = operands('xlogy', [x, y], { float: true }) as [Tensor, Tensor]
  const zero = logicalAnd(eq(a, 0), logicalNot(isnan(b)))
  return where(
    zero,
    mul(a, log(where(zero, where(gt(b, 0), b, 1), 1))),
    mul(a, log(where(zero, 1, b))),
  )
}
/** log(x/(1 − x)); with eps, x is first limited to [eps, 1 − eps]. @example logit(tensor([0.5])) // [0] */
export function logit(x: TensorLike, options?: number | { eps?: number }): Tensor {
  const { eps } = readOptions<{ eps?: number }>('logit', [options], { eps: kinds.number })
  const t = operand('logit', x, true)
  const p = eps === undefined ? t : clamp(t, eps, 1 - eps)
  return log(div(p, sub(1, p)))
}
/** aᵇ in float64, whatever the types: what overflows or would be cut off in smaller ones does not here. @example floatPower(tensor([2, 3]), 2) // [4, 9] */
export function floatPower(a: TensorLike, b: TensorLike): Tensor {
  const wide = (v: TensorLike) => (typeof v === 'object' ? cast(v, 'float64') : v)
  return pow(cast(operand('floatPower', wide(a)), 'float64'), wide(b))
}
