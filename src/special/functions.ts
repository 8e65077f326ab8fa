/**
 * Special functions by element. The host computes each element in double precision (numbers.ts), on every backend and
 * inside of compiled programs alike; gradients are operations.
 */
import { add, div, mul, neg, sub, where } from '../ops/arithmetic.js'
import { byElement } from '../ops/byElement.js'
import { eq } from '../ops/compare.js'
import {
  defineOp,
  type Grads,
  type Nested,
  operand,
  operands,
  type SampleMaker,
  type TensorLike,
} from '../ops/define.js'
import { exp, reciprocal, sign, square } from '../ops/functions.js'
import { xlogy } from '../ops/composed.js'
import type { Tensor } from '../ops/tensor.js'
import { GradError, ValueError } from '../core/errors.js'
import { state } from '../ops/state.js'
import * as numbers from './numbers.js'

interface Unary {
  name: string
  formula: string
  f: (x: number) => number
  /** dy/dx of x and y; without it there is no gradient. */
  slope?: (x: Tensor, y: Tensor) => Tensor
  example: readonly [x: readonly number[], y: readonly number[]]
  domain?: readonly [number, number]
}
const unary = ({ name, formula, f, slope, example: [x, y], domain = [-2, 2] }: Unary) =>
  defineOp({
    name,
    formula,
    args: (x: TensorLike) => ({ inputs: [operand(name, x, true)], attrs: {} }),
    forward: (inputs) => byElement(name, f, inputs),
    ...(slope
      ? { vjp: (ct: Tensor, [x]: readonly Tensor[], y: Tensor): Grads => [mul(ct, slope(x!, y))] }
      : { differentiable: false as const }),
    example: (m) => [[m.of(x as number[])], y as Nested],
    samples: (m) => [[m.float([2, 3], ...domain)], [m.float([], ...domain)], [m.float([0])]],
  })

interface Binary {
  name: string
  formula: string
  f: (x: number, y: number) => number
  /** The derivative by the second argument, where there is one. By the first there is none, in PyTorch neither. */
  slope?: (x: Tensor, y: Tensor) => Tensor
  example: readonly [x: number, y: number, result: number]
}
/** @throws GradError for a first argument that asks for a gradient, where the second may */
function secondOnly(name: string, inputs: Tensor[]): Tensor[] {
  if (state.gradEnabled && inputs[0]!.requiresGrad)
    throw new GradError({
      op: name,
      rule: 'there is a gradient by the second argument only',
      got: 'a first argument that requires one',
      fix: 'Give x.detach().',
    })
  return inputs
}
const binary = ({ name, formula, f, slope, example: [x, y, result] }: Binary) => {
  const spec = {
    name,
    formula,
    args: (x: TensorLike, y: TensorLike) => {
      const inputs = operands(name, [x, y], { float: true })
      return { inputs: slope ? secondOnly(name, inputs) : inputs, attrs: {} }
    },
    forward: (inputs: Tensor[]): Tensor => byElement(name, f, inputs),
    example: (m: SampleMaker) => [[m.of([x]), m.of([y])], [result]] as const,
    samples: (m: SampleMaker) => [
      [m.float([2, 3], 1.1, 4), m.float([3], 0.5, 3)],
      [m.float([], 1.1, 4), m.float([2], 0.5, 3)],
      [m.float([0]), m.float([0])],
    ],
  }
  if (!slope) return defineOp({ ...spec, differentiable: false })
  return defineOp({
    ...spec,
    vjp: (ct: Tensor, [x, y]: Tensor[]): Grads => [null, mul(ct, slope(x!, y!))],
    differentiable: [1],
  })
}

/** ψ(x), the derivative of ln Γ; −∞ at 0, NaN at negative whole numbers. @example special.digamma(tensor([1, 3.5])) // [-0.57721566, 1.1031566] */
export const digamma = unary({
  name: 'digamma',
  formula: 'y = Γ′(x) / Γ(x)',
  f: numbers.digamma,
  slope: (x) => polygamma(1, x),
  example: [
    [1, 3.5],
    [-0.57721566, 1.1031566],
  ],
  domain: [0.6, 3],
})

/** ln |Γ(x)|; ∞ at 0 and at negative whole numbers. @example special.lgamma(tensor([0.5, 5])) // [0.57236494, 3.1780538] */
export const lgamma = unary({
  name: 'lgamma',
  formula: 'y = ln |Γ(x)|,  dy/dx = ψ(x)',
  f: numbers.lgamma,
  slope: (x) => digamma(x),
  example: [
    [0.5, 5],
    [0.57236494, 3.1780538],
  ],
  domain: [0.6, 3],
})

/** The scaled complementary error function, which does not underflow. @example special.erfcx(tensor([0.5, 30])) // [0.61569034, 0.018795889] */
export const erfcx = unary({
  name: 'erfcx',
  formula: 'y = e^x² erfc x,  dy/dx = 2 x y − 2/√π',
  f: numbers.erfcx,
  slope: (x, y) => sub(mul(mul(x, 2), y), 2 / Math.sqrt(Math.PI)),
  example: [
    [0.5, 30],
    [0.61569034, 0.018795889],
  ],
})

/** The logarithm of the normal distribution, finite far below 0. @example special.logNdtr(tensor([0.5, -40])) // [-0.36894642, -804.60844] */
export const logNdtr = unary({
  name: 'logNdtr',
  formula: 'y = ln Φ(x),  dy/dx = φ(x) / Φ(x)',
  f: numbers.logNdtr,
  slope: (x) => mul(reciprocal(erfcx(mul(x, -Math.SQRT1_2))), Math.sqrt(2 / Math.PI)),
  example: [
    [0.5, -40],
    [-0.36894642, -804.60844],
  ],
})

/** The inverse of the normal distribution; NaN outside of [0, 1]. @example special.ndtri(tensor([0.5, 0.975])) // [0.0, 1.959964] */
export const ndtri = unary({
  name: 'ndtri',
  formula: 'Φ(y) = x,  dy/dx = √2π e^y²/2',
  f: numbers.ndtri,
  slope: (_x, y) => mul(exp(mul(square(y), 0.5)), Math.sqrt(2 * Math.PI)),
  example: [
    [0.5, 0.975],
    [0.0, 1.959964],
  ],
  domain: [0.1, 0.9],
})

/** The modified Bessel function of the first kind of order 0. @example special.i0(tensor([0, 2])) // [1.0, 2.2795853] */
export const i0 = unary({
  name: 'i0',
  formula: 'y = I₀(x),  dy/dx = I₁(x)',
  f: (x) => numbers.besselI(0, x),
  slope: (x) => i1(x),
  example: [
    [0, 2],
    [1.0, 2.2795853],
  ],
})

/** I₀ scaled, which does not overflow. @example special.i0e(tensor([0, 2])) // [1.0, 0.30850832] */
export const i0e = unary({
  name: 'i0e',
  formula: 'y = e^−|x| I₀(x)',
  f: (x) => numbers.scaledI(0, x),
  slope: (x, y) => sub(i1e(x), mul(sign(x), y)),
  example: [
    [0, 2],
    [1.0, 0.30850832],
  ],
})

/** The modified Bessel function of the first kind of order 1. @example special.i1(tensor([0, 2])) // [0.0, 1.5906369] */
export const i1 = unary({
  name: 'i1',
  formula: 'y = I₁(x),  dy/dx = I₀(x) − y/x',
  f: (x) => numbers.besselI(1, x),
  slope: (x, y) => {
    const zero = eq(x, 0)
    return where(zero, 0.5, sub(i0(x), div(y, where(zero, 1, x))))
  },
  example: [
    [0, 2],
    [0.0, 1.5906369],
  ],
})

/** I₁ scaled, which does not overflow. @example special.i1e(tensor([0, 2])) // [0.0, 0.21526929] */
export const i1e = unary({
  name: 'i1e',
  formula: 'y = e^−|x| I₁(x)',
  f: (x) => numbers.scaledI(1, x),
  slope: (x, y) => {
    const zero = eq(x, 0)
    const inverse = reciprocal(where(zero, 1, x))
    return where(zero, 0.5, sub(i0e(x), mul(y, add(sign(x), inverse))))
  },
  example: [
    [0, 2],
    [0.0, 0.21526929],
  ],
})

/** Airy's function, which oscillates below 0 and falls above. @example special.airyAi(tensor([0, 2])) // [0.35502806, 0.034924131] */
export const airyAi = unary({
  name: 'airyAi',
  formula: 'y″ = x y',
  f: numbers.airyAi,
  example: [
    [0, 2],
    [0.35502806, 0.034924131],
  ],
})

/** The Bessel function of the first kind of order 0. @example special.besselJ0(tensor([1, 20])) // [0.76519769, 0.16702466] */
export const besselJ0 = unary({
  name: 'besselJ0',
  formula: 'y = J₀(x)',
  f: (x) => numbers.besselJ(0, x),
  example: [
    [1, 20],
    [0.76519769, 0.16702466],
  ],
})

/** The Bessel function of the second kind of order 0; −∞ at 0, NaN below. @example special.besselY0(tensor([1, 20])) // [0.088256964, 0.062640597] */
export const besselY0 = unary({
  name: 'besselY0',
  formula: 'y = Y₀(x)',
  f: (x) => numbers.besselY(0, x),
  example: [
    [1, 20],
    [0.088256964, 0.062640597],
  ],
  domain: [0.6, 3],
})

/** The modified Bessel function of the first kind of order 0; `i0` has a gradient. @example special.modifiedBesselI0(tensor([1, 5])) // [1.2660659, 27.239872] */
export const modifiedBesselI0 = unary({
  name: 'modifiedBesselI0',
  formula: 'y = I₀(x)',
  f: (x) => numbers.besselI(0, x),
  example: [
    [1, 5],
    [1.2660659, 27.239872],
  ],
})

/** The modified Bessel function of the second kind of order 0; ∞ at 0, NaN below. @example special.modifiedBesselK0(tensor([1, 5])) // [0.42102444, 0.0036910983] */
export const modifiedBesselK0 = unary({
  name: 'modifiedBesselK0',
  formula: 'y = K₀(x)',
  f: (x) => numbers.scaledK(0, x) * Math.exp(-x),
  example: [
    [1, 5],
    [0.42102444, 0.0036910983],
  ],
  domain: [0.6, 3],
})

/** K₀ scaled, which does not underflow. @example special.scaledModifiedBesselK0(tensor([1, 50])) // [1.1444631, 0.17680716] */
export const scaledModifiedBesselK0 = unary({
  name: 'scaledModifiedBesselK0',
  formula: 'y = eˣ K₀(x)',
  f: (x) => numbers.scaledK(0, x),
  example: [
    [1, 50],
    [1.1444631, 0.17680716],
  ],
  domain: [0.6, 3],
})

/** The Bessel function of the first kind of order 1. @example special.besselJ1(tensor([1, 20])) // [0.44005059, 0.066833124] */
export const besselJ1 = unary({
  name: 'besselJ1',
  formula: 'y = J₁(x)',
  f: (x) => numbers.besselJ(1, x),
  example: [
    [1, 20],
    [0.44005059, 0.066833124],
  ],
})

/** The Bessel function of the second kind of order 1; −∞ at 0, NaN below. @example special.besselY1(tensor([1, 20])) // [-0.78121282, -0.16551161] */
export const besselY1 = unary({
  name: 'besselY1',
  formula: 'y = Y₁(x)',
  f: (x) => numbers.besselY(1, x),
  example: [
    [1, 20],
    [-0.78121282, -0.16551161],
  ],
  domain: [0.6, 3],
})

/** The modified Bessel function of the first kind of order 1; `i1` has a gradient. @example special.modifiedBesselI1(tensor([1, 5])) // [0.5651591, 24.335642] */
export const modifiedBesselI1 = unary({
  name: 'modifiedBesselI1',
  formula: 'y = I₁(x)',
  f: (x) => numbers.besselI(1, x),
  example: [
    [1, 5],
    [0.5651591, 24.335642],
  ],
})

/** The modified Bessel function of the second kind of order 1; ∞ at 0, NaN below. @example special.modifiedBesselK1(tensor([1, 5])) // [0.60190723, 0.0040446134] */
export const modifiedBesselK1 = unary({
  name: 'modifiedBesselK1',
  formula: 'y = K₁(x)',
  f: (x) => numbers.scaledK(1, x) * Math.exp(-x),
  example: [
    [1, 5],
    [0.60190723, 0.0040446134],
  ],
  domain: [0.6, 3],
})

/** K₁ scaled, which does not underflow. @example special.scaledModifiedBesselK1(tensor([1, 50])) // [1.6361535, 0.17856656] */
export const scaledModifiedBesselK1 = unary({
  name: 'scaledModifiedBesselK1',
  formula: 'y = eˣ K₁(x)',
  f: (x) => numbers.scaledK(1, x),
  example: [
    [1, 50],
    [1.6361535, 0.17856656],
  ],
  domain: [0.6, 3],
})

/** The spherical Bessel function of order 0. @example special.sphericalBesselJ0(tensor([0, 1])) // [1.0, 0.84147098] */
export const sphericalBesselJ0 = unary({
  name: 'sphericalBesselJ0',
  formula: 'y = sin x / x, 1 at 0',
  f: numbers.sphericalJ0,
  example: [
    [0, 1],
    [1.0, 0.84147098],
  ],
})

/** The zeta function of Hurwitz; ∞ at s = 1. @example special.zeta(tensor([2]), tensor([1])) // [1.6449341] */
export const zeta = binary({
  name: 'zeta',
  formula: 'y = Σ (q + k)⁻ˢ over k from 0,  dy/dq = −s ζ(s + 1, q)',
  f: numbers.zeta,
  slope: (s, q) => neg(mul(s, zeta(add(s, 1), q))),
  example: [2, 1, 1.6449341],
})

/** x^(a−1) e^−x / Γ(a), the slope of the incomplete gamma functions. */
const gammaDensity = (a: Tensor, x: Tensor): Tensor =>
  exp(sub(sub(xlogy(sub(a, 1), x), x), lgamma(a)))

/** The regularized lower incomplete gamma function of a and x; torch.special.gammainc. @example special.igamma(tensor([2]), tensor([1])) // [0.26424112] */
export const igamma = binary({
  name: 'igamma',
  formula: 'y = 1/Γ(a) ∫₀ˣ t^(a−1) e^−t dt,  dy/dx = x^(a−1) e^−x / Γ(a)',
  f: (a, x) => numbers.igamma(a, x),
  slope: (a, x) => gammaDensity(a, x),
  example: [2, 1, 0.26424112],
})

/** The regularized upper incomplete gamma function of a and x; torch.special.gammaincc. @example special.igammac(tensor([2]), tensor([1])) // [0.73575888] */
export const igammac = binary({
  name: 'igammac',
  formula: 'y = 1/Γ(a) ∫ₓ^∞ t^(a−1) e^−t dt',
  f: (a, x) => numbers.igamma(a, x, true),
  slope: (a, x) => neg(gammaDensity(a, x)),
  example: [2, 1, 0.73575888],
})

/** Chebyshev's polynomial T of whole degree n, 0 below 0. @example special.chebyshevPolynomialT(tensor([0.3]), tensor([3])) // [-0.792] */
export const chebyshevPolynomialT = binary({
  name: 'chebyshevPolynomialT',
  formula: 'Tₙ₊₁ = 2 x Tₙ − Tₙ₋₁',
  f: numbers.chebyshevT,
  example: [0.3, 3, -0.792],
})

/** Shifted: of 2 x − 1. Chebyshev's polynomial T of whole degree n, 0 below 0. @example special.shiftedChebyshevPolynomialT(tensor([0.3]), tensor([3])) // [0.944] */
export const shiftedChebyshevPolynomialT = binary({
  name: 'shiftedChebyshevPolynomialT',
  formula: 'Tₙ₊₁ = 2 (2 x − 1) Tₙ − Tₙ₋₁',
  f: (x, n) => numbers.chebyshevT(2 * x - 1, n),
  example: [0.3, 3, 0.944],
})

/** Chebyshev's polynomial U of whole degree n, 0 below 0. @example special.chebyshevPolynomialU(tensor([0.3]), tensor([3])) // [-0.984] */
export const chebyshevPolynomialU = binary({
  name: 'chebyshevPolynomialU',
  formula: 'Uₙ₊₁ = 2 x Uₙ − Uₙ₋₁',
  f: numbers.chebyshevU,
  example: [0.3, 3, -0.984],
})

/** Shifted: of 2 x − 1. Chebyshev's polynomial U of whole degree n, 0 below 0. @example special.shiftedChebyshevPolynomialU(tensor([0.3]), tensor([3])) // [1.088] */
export const shiftedChebyshevPolynomialU = binary({
  name: 'shiftedChebyshevPolynomialU',
  formula: 'Uₙ₊₁ = 2 (2 x − 1) Uₙ − Uₙ₋₁',
  f: (x, n) => numbers.chebyshevU(2 * x - 1, n),
  example: [0.3, 3, 1.088],
})

/** Chebyshev's polynomial V of whole degree n, 0 below 0. @example special.chebyshevPolynomialV(tensor([0.3]), tensor([3])) // [-0.344] */
export const chebyshevPolynomialV = binary({
  name: 'chebyshevPolynomialV',
  formula: 'Vₙ₊₁ = 2 x Vₙ − Vₙ₋₁',
  f: numbers.chebyshevV,
  example: [0.3, 3, -0.344],
})

/** Shifted: of 2 x − 1. Chebyshev's polynomial V of whole degree n, 0 below 0. @example special.shiftedChebyshevPolynomialV(tensor([0.3]), tensor([3])) // [1.448] */
export const shiftedChebyshevPolynomialV = binary({
  name: 'shiftedChebyshevPolynomialV',
  formula: 'Vₙ₊₁ = 2 (2 x − 1) Vₙ − Vₙ₋₁',
  f: (x, n) => numbers.chebyshevV(2 * x - 1, n),
  example: [0.3, 3, 1.448],
})

/** Chebyshev's polynomial W of whole degree n, 0 below 0. @example special.chebyshevPolynomialW(tensor([0.3]), tensor([3])) // [-1.624] */
export const chebyshevPolynomialW = binary({
  name: 'chebyshevPolynomialW',
  formula: 'Wₙ₊₁ = 2 x Wₙ − Wₙ₋₁',
  f: numbers.chebyshevW,
  example: [0.3, 3, -1.624],
})

/** Shifted: of 2 x − 1. Chebyshev's polynomial W of whole degree n, 0 below 0. @example special.shiftedChebyshevPolynomialW(tensor([0.3]), tensor([3])) // [0.728] */
export const shiftedChebyshevPolynomialW = binary({
  name: 'shiftedChebyshevPolynomialW',
  formula: 'Wₙ₊₁ = 2 (2 x − 1) Wₙ − Wₙ₋₁',
  f: (x, n) => numbers.chebyshevW(2 * x - 1, n),
  example: [0.3, 3, 0.728],
})

/** The polynomial H of Hermite of whole degree n, 0 below 0. @example special.hermitePolynomialH(tensor([0.3]), tensor([3])) // [-3.384] */
export const hermitePolynomialH = binary({
  name: 'hermitePolynomialH',
  formula: 'Hₙ₊₁ = 2 x Hₙ − 2 n Hₙ₋₁',
  f: numbers.hermiteH,
  example: [0.3, 3, -3.384],
})

/** The polynomial He of Hermite of whole degree n, 0 below 0. @example special.hermitePolynomialHe(tensor([0.3]), tensor([3])) // [-0.873] */
export const hermitePolynomialHe = binary({
  name: 'hermitePolynomialHe',
  formula: 'Heₙ₊₁ = x Heₙ − n Heₙ₋₁',
  f: numbers.hermiteHe,
  example: [0.3, 3, -0.873],
})

/** The polynomial L of Laguerre of whole degree n, 0 below 0. @example special.laguerrePolynomialL(tensor([0.3]), tensor([3])) // [0.2305] */
export const laguerrePolynomialL = binary({
  name: 'laguerrePolynomialL',
  formula: '(n + 1) Lₙ₊₁ = (2 n + 1 − x) Lₙ − n Lₙ₋₁',
  f: numbers.laguerreL,
  example: [0.3, 3, 0.2305],
})

/** The polynomial P of Legendre of whole degree n, 0 below 0. @example special.legendrePolynomialP(tensor([0.3]), tensor([3])) // [-0.3825] */
export const legendrePolynomialP = binary({
  name: 'legendrePolynomialP',
  formula: '(n + 1) Pₙ₊₁ = (2 n + 1) x Pₙ − n Pₙ₋₁',
  f: numbers.legendreP,
  example: [0.3, 3, -0.3825],
})

/** The n-th derivative of digamma. @example special.polygamma(1, tensor([1])) // [1.6449341] */
export const polygamma = defineOp({
  name: 'polygamma',
  formula: 'y = ψ⁽ⁿ⁾(x) = (−1)ⁿ⁺¹ n! ζ(n + 1, x),  dy/dx = ψ⁽ⁿ⁺¹⁾(x)',
  args: (n: number, x: TensorLike) => {
    if (!(Number.isInteger(n) && n >= 0))
      throw new ValueError({
        op: 'polygamma',
        rule: 'n must be a whole number from 0',
        got: `${n}`,
      })
    return { inputs: [operand('polygamma', x, true)], attrs: { n } }
  },
  forward: (inputs, { n }) => byElement('polygamma', (x) => numbers.polygamma(n, x), inputs),
  vjp: (ct, [x], _y, { n }): Grads => [mul(ct, polygamma(n + 1, x!))],
  example: (m) => [[1, m.of([1])], [1.6449341]],
  samples: (m) => [
    [1, m.float([2, 3], 0.6, 3)],
    [2, m.float([], 0.6, 3)],
  ],
})

/**
 * The logarithm of the multivariate gamma function of p dimensions.
 *
 * y = p (p − 1)/4 ln π + Σ ln Γ(x − i/2), i below p
 * @example special.multigammaln(tensor([3]), 2) // [1.550195]
 */
export function multigammaln(x: TensorLike, p: number): Tensor {
  if (!(Number.isInteger(p) && p >= 1))
    throw new ValueError({
      op: 'multigammaln',
      rule: 'p must be a whole number from 1',
      got: `${p}`,
    })
  let sum: Tensor = lgamma(x)
  for (let i = 1; i < p; i++) sum = add(sum, lgamma(sub(x, i / 2)))
  return add(sum, ((p * (p - 1)) / 4) * Math.log(Math.PI))
}
