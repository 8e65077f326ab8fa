/** Functions of one argument; see elementwise.ts. */
import { kinds, readOptions } from '../core/options.js'
import { zerosOf } from './broadcast.js'
import { add, div, mul, sub, where, neg } from './arithmetic.js'
import { le } from './compare.js'
import { map, unary } from './forms.js'
import type { TensorLike } from './define.js'
import type { Tensor } from './tensor.js'
import { constant } from './trace.js'

/** |x|; the slope at 0 is 0. @example abs(tensor([1, -2])) // [1, 2] */
export const abs = unary({
  name: 'abs',
  formula: 'y = |x|,  dy/dx = sign x',
  vjp: (ct, x) => mul(ct, sign(x)),
  example: [
    [1, -2],
    [1, 2],
  ],
  integers: true,
})

/** −1, 0 or 1. @example sign(tensor([5, -2, 0])) // [1, -1, 0] */
export const sign = unary({
  name: 'sign',
  formula: 'y = sign x,  dy/dx = 0',
  vjp: (ct) => zerosOf(ct),
  example: [
    [5, -2, 0],
    [1, -1, 0],
  ],
  integers: true,
})

/** x². @example square(tensor([3, -2])) // [9, 4] */
export const square = unary({
  name: 'square',
  formula: 'y = x²,  dy/dx = 2x',
  vjp: (ct, x) => mul(ct, mul(x, 2)),
  example: [
    [3, -2],
    [9, 4],
  ],
  integers: true,
})

/** eˣ. @example exp(tensor([0, 1])) // [1, 2.718281828459045] */
export const exp = unary({
  name: 'exp',
  formula: 'y = eˣ,  dy/dx = y',
  vjp: (ct, _x, y) => mul(ct, y),
  example: [
    [0, 1],
    [1, 2.718281828459045],
  ],
})

/** 2ˣ. @example exp2(tensor([0, 3])) // [1, 8] */
export const exp2 = unary({
  name: 'exp2',
  formula: 'y = 2ˣ,  dy/dx = y ln 2',
  vjp: (ct, _x, y) => mul(ct, mul(y, Math.LN2)),
  example: [
    [0, 3],
    [1, 8],
  ],
})

/** eˣ − 1, exact near 0. @example expm1(tensor([0, 1])) // [0, 1.718281828459045] */
export const expm1 = unary({
  name: 'expm1',
  formula: 'y = eˣ − 1,  dy/dx = y + 1',
  vjp: (ct, _x, y) => mul(ct, add(y, 1)),
  example: [
    [0, 1],
    [0, 1.718281828459045],
  ],
})

/** Natural logarithm; −inf at 0, NaN below. @example log(tensor([1, 10])) // [0, 2.302585092994046] */
export const log = unary({
  name: 'log',
  formula: 'y = ln x,  dy/dx = 1/x',
  vjp: (ct, x) => div(ct, x),
  example: [
    [1, 10],
    [0, 2.302585092994046],
  ],
  domain: [0.2, 3],
})

/** Logarithm to base 2. @example log2(tensor([1, 8])) // [0, 3] */
export const log2 = unary({
  name: 'log2',
  formula: 'y = log₂ x,  dy/dx = 1/(x ln 2)',
  vjp: (ct, x) => div(ct, mul(x, Math.LN2)),
  example: [
    [1, 8],
    [0, 3],
  ],
  domain: [0.2, 3],
})

/** Logarithm to base 10. @example log10(tensor([1, 1000])) // [0, 3] */
export const log10 = unary({
  name: 'log10',
  formula: 'y = log₁₀ x,  dy/dx = 1/(x ln 10)',
  vjp: (ct, x) => div(ct, mul(x, Math.LN10)),
  example: [
    [1, 1000],
    [0, 3],
  ],
  domain: [0.2, 3],
})

/** ln(1 + x), exact near 0. @example log1p(tensor([0, 1])) // [0, 0.6931471805599453] */
export const log1p = unary({
  name: 'log1p',
  formula: 'y = ln(1 + x),  dy/dx = 1/(1 + x)',
  vjp: (ct, x) => div(ct, add(x, 1)),
  example: [
    [0, 1],
    [0, 0.6931471805599453],
  ],
  domain: [-0.7, 2],
})

/** Square root; NaN below 0. @example sqrt(tensor([4, 2])) // [2, 1.4142135623730951] */
export const sqrt = unary({
  name: 'sqrt',
  formula: 'y = √x,  dy/dx = 1/(2y)',
  vjp: (ct, _x, y) => div(ct, mul(y, 2)),
  example: [
    [4, 2],
    [2, 1.4142135623730951],
  ],
  domain: [0.2, 3],
})

/** 1/√x. @example rsqrt(tensor([4, 0.25])) // [0.5, 2] */
export const rsqrt = unary({
  name: 'rsqrt',
  formula: 'y = x^−½,  dy/dx = −½ y³',
  vjp: (ct, _x, y) => mul(ct, mul(mul(square(y), y), -0.5)),
  example: [
    [4, 0.25],
    [0.5, 2],
  ],
  domain: [0.2, 3],
})

/** 1/x. @example reciprocal(tensor([4, -2])) // [0.25, -0.5] */
export const reciprocal = unary({
  name: 'reciprocal',
  formula: 'y = 1/x,  dy/dx = −y²',
  vjp: (ct, _x, y) => neg(mul(ct, square(y))),
  example: [
    [4, -2],
    [0.25, -0.5],
  ],
  domain: [0.2, 3],
})

/** Sine of radians. @example sin(tensor([0, 1])) // [0, 0.8414709848078965] */
export const sin = unary({
  name: 'sin',
  formula: 'y = sin x,  dy/dx = cos x',
  vjp: (ct, x) => mul(ct, cos(x)),
  example: [
    [0, 1],
    [0, 0.8414709848078965],
  ],
})

/** Cosine of radians. @example cos(tensor([0, 1])) // [1, 0.5403023058681398] */
export const cos = unary({
  name: 'cos',
  formula: 'y = cos x,  dy/dx = −sin x',
  vjp: (ct, x) => neg(mul(ct, sin(x))),
  example: [
    [0, 1],
    [1, 0.5403023058681398],
  ],
})

/** Tangent of radians. @example tan(tensor([0, 1])) // [0, 1.5574077246549023] */
export const tan = unary({
  name: 'tan',
  formula: 'y = tan x,  dy/dx = 1 + y²',
  vjp: (ct, _x, y) => mul(ct, add(square(y), 1)),
  example: [
    [0, 1],
    [0, 1.5574077246549023],
  ],
  domain: [-1.2, 1.2],
})

/** Inverse sine, in radians; NaN outside [−1, 1]. @example asin(tensor([0, 1])) // [0, 1.5707963267948966] */
export const asin = unary({
  name: 'asin',
  formula: 'y = asin x,  dy/dx = 1/√(1 − x²)',
  vjp: (ct, x) => mul(ct, rsqrt(sub(1, square(x)))),
  example: [
    [0, 1],
    [0, 1.5707963267948966],
  ],
  domain: [-0.9, 0.9],
})

/** Inverse cosine, in radians; NaN outside [−1, 1]. @example acos(tensor([1, 0])) // [0, 1.5707963267948966] */
export const acos = unary({
  name: 'acos',
  formula: 'y = acos x,  dy/dx = −1/√(1 − x²)',
  vjp: (ct, x) => neg(mul(ct, rsqrt(sub(1, square(x))))),
  example: [
    [1, 0],
    [0, 1.5707963267948966],
  ],
  domain: [-0.9, 0.9],
})

/** Inverse tangent, in radians. @example atan(tensor([0, 1])) // [0, 0.7853981633974483] */
export const atan = unary({
  name: 'atan',
  formula: 'y = atan x,  dy/dx = 1/(1 + x²)',
  vjp: (ct, x) => div(ct, add(square(x), 1)),
  example: [
    [0, 1],
    [0, 0.7853981633974483],
  ],
})

/** Hyperbolic sine. @example sinh(tensor([0, 1])) // [0, 1.1752011936438014] */
export const sinh = unary({
  name: 'sinh',
  formula: 'y = sinh x,  dy/dx = cosh x',
  vjp: (ct, x) => mul(ct, cosh(x)),
  example: [
    [0, 1],
    [0, 1.1752011936438014],
  ],
})

/** Hyperbolic cosine. @example cosh(tensor([0, 1])) // [1, 1.543080634815244] */
export const cosh = unary({
  name: 'cosh',
  formula: 'y = cosh x,  dy/dx = sinh x',
  vjp: (ct, x) => mul(ct, sinh(x)),
  example: [
    [0, 1],
    [1, 1.543080634815244],
  ],
})

/** Hyperbolic tangent. @example tanh(tensor([0, 1])) // [0, 0.7615941559557649] */
export const tanh = unary({
  name: 'tanh',
  formula: 'y = tanh x,  dy/dx = 1 − y²',
  vjp: (ct, _x, y) => mul(ct, sub(1, square(y))),
  example: [
    [0, 1],
    [0, 0.7615941559557649],
  ],
})

/** Inverse hyperbolic sine. @example asinh(tensor([0, 1])) // [0, 0.881373587019543] */
export const asinh = unary({
  name: 'asinh',
  formula: 'y = asinh x,  dy/dx = 1/√(x² + 1)',
  vjp: (ct, x) => mul(ct, rsqrt(add(square(x), 1))),
  example: [
    [0, 1],
    [0, 0.881373587019543],
  ],
})

/** Inverse hyperbolic cosine; NaN below 1. @example acosh(tensor([1, 2])) // [0, 1.3169578969248166] */
export const acosh = unary({
  name: 'acosh',
  formula: 'y = acosh x,  dy/dx = 1/√(x² − 1)',
  vjp: (ct, x) => mul(ct, rsqrt(sub(square(x), 1))),
  example: [
    [1, 2],
    [0, 1.3169578969248166],
  ],
  domain: [1.2, 3],
})

/** Inverse hyperbolic tangent; NaN outside [−1, 1]. @example atanh(tensor([0, 0.5])) // [0, 0.5493061443340549] */
export const atanh = unary({
  name: 'atanh',
  formula: 'y = atanh x,  dy/dx = 1/(1 − x²)',
  vjp: (ct, x) => div(ct, sub(1, square(x))),
  example: [
    [0, 0.5],
    [0, 0.5493061443340549],
  ],
  domain: [-0.9, 0.9],
})

/** The logistic function, from 0 to 1. @example sigmoid(tensor([0, 2])) // [0.5, 0.8807970779778823] */
export const sigmoid = unary({
  name: 'sigmoid',
  formula: 'y = 1/(1 + e^−x),  dy/dx = y(1 − y)',
  vjp: (ct, _x, y) => mul(ct, mul(y, sub(1, y))),
  example: [
    [0, 2],
    [0.5, 0.8807970779778823],
  ],
})

/** The error function. @example erf(tensor([0, 1])) // [0, 0.8427007929497149] */
export const erf = unary({
  name: 'erf',
  formula: 'y = 2/√π ∫₀ˣ e^−t² dt,  dy/dx = 2/√π e^−x²',
  vjp: (ct, x) => mul(ct, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
  example: [
    [0, 1],
    [0, 0.8427007929497149],
  ],
})

/** 1 − erf x, accurate where that is small. @example erfc(tensor([0, 1])) // [1, 0.15729920705028513] */
export const erfc = unary({
  name: 'erfc',
  formula: 'y = 1 − erf x,  dy/dx = −2/√π e^−x²',
  vjp: (ct, x) => mul(ct, mul(exp(neg(square(x))), -2 / Math.sqrt(Math.PI))),
  example: [
    [0, 1],
    [1, 0.15729920705028513],
  ],
})

/**
 * Φ(x), the probability that a normal number is below x: within 9e-8 in float32, and to 4e-6 of itself down to x = -5.75,
 * below which it is at most 6e-9.
 * @see https://pytorch.org/docs/stable/special.html#torch.special.ndtr
 * @example ndtr(tensor([0, -1])) // [0.5, 0.15865525393145707]
 */
export const ndtr = unary({
  name: 'ndtr',
  formula: 'y = Φ(x) = 1/2 (1 + erf(x/√2)),  dy/dx = e^−x²/2 / √2π',
  vjp: (ct, x) => mul(ct, exp(sub(-0.5 * Math.log(2 * Math.PI), mul(square(x), 0.5)))),
  example: [
    [0, -1],
    [0.5, 0.15865525393145707],
  ],
})

/** The inverse of erf; ±inf at ±1. @example erfinv(tensor([0, 0.5])) // [0, 0.4769362762044699] */
export const erfinv = unary({
  name: 'erfinv',
  formula: 'erf y = x,  dy/dx = √π/2 e^y²',
  vjp: (ct, _x, y) => mul(ct, mul(exp(square(y)), Math.sqrt(Math.PI) / 2)),
  example: [
    [0, 0.5],
    [0, 0.4769362762044699],
  ],
  domain: [-0.9, 0.9],
})

/** The whole number below. @example floor(tensor([1.7, -1.2])) // [1, -2] */
export const floor = unary({
  name: 'floor',
  formula: 'y = ⌊x⌋,  dy/dx = 0',
  vjp: (ct) => zerosOf(ct),
  example: [
    [1.7, -1.2],
    [1, -2],
  ],
})

/** The whole number above. @example ceil(tensor([1.2, -1.7])) // [2, -1] */
export const ceil = unary({
  name: 'ceil',
  formula: 'y = ⌈x⌉,  dy/dx = 0',
  vjp: (ct) => zerosOf(ct),
  example: [
    [1.2, -1.7],
    [2, -1],
  ],
})

const roundWhole = unary({
  name: 'round',
  formula: 'y = round x,  dy/dx = 0',
  vjp: (ct) => zerosOf(ct),
  example: [
    [0.5, 1.5, -1.2],
    [0, 2, -1],
  ],
})
/**
 * The nearest number of so many decimals (whole, unless said otherwise; negative ones round to tens, hundreds, ..),
 * halves to the even one.
 * @example round(tensor([0.5, 1.5, -1.2])) // [0, 2, -1]
 */
export function round(x: TensorLike, options?: { decimals?: number }): Tensor {
  const { decimals = 0 } = readOptions<{ decimals?: number }>(
    'round',
    [options],
    {},
    { decimals: kinds.integer },
  )
  if (decimals === 0) return roundWhole(x)
  const power = Number(`1e${Math.abs(decimals)}`)
  return decimals > 0
    ? div(roundWhole(mul(x, power)), power)
    : mul(roundWhole(div(x, power)), power)
}

/** The whole part, toward 0. @example trunc(tensor([1.7, -1.7])) // [1, -1] */
export const trunc = unary({
  name: 'trunc',
  formula: 'y = trunc x,  dy/dx = 0',
  vjp: (ct) => zerosOf(ct),
  example: [
    [1.7, -1.7],
    [1, -1],
  ],
})

/** The part after the point, with the sign of x. @example frac(tensor([1.75, -1.75])) // [0.75, -0.75] */
export const frac = unary({
  name: 'frac',
  formula: 'y = x − trunc x,  dy/dx = 1',
  lower: (x) => map('sub', x, map('trunc', x)),
  vjp: (ct) => ct,
  example: [
    [1.75, -1.75],
    [0.75, -0.75],
  ],
})

/** The rectified linear unit; the slope at 0 is 0. @example relu(tensor([-1, 2])) // [0, 2] */
export const relu = unary({
  name: 'relu',
  formula: 'y = max(x, 0),  dy/dx = [x > 0]',
  lower: (x) => map('maximum', x, constant(0, x.dtype)),
  // NaN lets the gradient through, as in PyTorch.
  vjp: (ct, _x, y) => where(le(y, 0), 0, ct),
  example: [
    [-1, 2],
    [0, 2],
  ],
  integers: true,
})
