/** Special functions of numbers in double precision; functions.ts makes operations of them. */
import { pow as power } from '../core/math.js'
import { pow } from '../core/math.js'
import { erf, erfc, erfinv } from '../core/special.js'

const EULER = 0.5772156649015329
/** Bernoulli numbers B₂ₖ, k from 1. */
const bernoulli = [
  1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
  854513 / 138,
] // biome-ignore format: a list

/** ln |Γ(x)|: Stirling's series above 15 (DLMF 5.11.1), the recurrence below, the reflection formula below 0.5. */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return x
  if (!Number.isFinite(x) || (x <= 0 && Number.isInteger(x))) return Infinity
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - lgamma(1 - x)
  if (x === 1 || x === 2) return 0
  // Near 1 and 2, where it is 0, by ln Γ(1 + z) = −γ z + Σ ζ(k) (−z)ᵏ / k.
  const z = Math.abs(x - 1) < 0.2 ? x - 1 : x - 2
  if (Math.abs(z) < 0.2) {
    let sum = -EULER * z
    let power = -z
    for (let k = 2; k < 40; k++) {
      power *= -z
      sum += (zeta(k, 1) * power) / k
    }
    return Math.abs(x - 1) < 0.2 ? sum : sum + Math.log1p(z)
  }
  let shift = 1
  let y = x
  while (y < 15) shift *= y++
  let sum = (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI)
  let power = 1 / y
  for (let k = 1; k <= 8; k++, power /= y * y)
    sum += (bernoulli[k - 1]! * power) / (2 * k * (2 * k - 1))
  return sum - Math.log(shift)
}

/** ψ(x) = Γ′/Γ by its asymptotic series (DLMF 5.11.2); ∓∞ at ±0, NaN at negative whole numbers, as PyTorch. */
export function digamma(x: number): number {
  if (x === 0) return Object.is(x, -0) ? Infinity : -Infinity
  if (x === -Infinity || (x < 0 && Number.isInteger(x))) return Number.NaN
  if (x === Infinity) return x
  if (x < 0) return digamma(1 - x) - Math.PI / Math.tan(Math.PI * (x - Math.round(x)))
  let y = x
  let sum = 0
  while (y < 15) sum -= 1 / y++
  let power = 1 / (y * y)
  sum += Math.log(y) - 0.5 / y
  for (let k = 1; k <= 8; k++, power /= y * y) sum -= (bernoulli[k - 1]! * power) / (2 * k)
  return sum
}

/** Hurwitz's zeta, Σ (q + k)⁻ˢ, by Euler and Maclaurin's formula (DLMF 25.11.5). */
export function zeta(s: number, q: number): number {
  if (s === 1) return Infinity
  if (!(s > 1) || Number.isNaN(q)) return Number.NaN
  if (q <= 0) {
    if (Number.isInteger(q)) return Infinity
    if (!Number.isInteger(s)) return Number.NaN
  }
  let sum = 0
  let y = q
  for (let k = 0; k < 1e5 && y < 12 + s; k++, y++) {
    const term = pow(y, -s)
    sum += term
    if (y > 0 && Math.abs(term) < 1e-17 * Math.abs(sum)) return sum
  }
  const head = pow(y, -s)
  sum += (head * y) / (s - 1) + 0.5 * head
  let factor = (head * s) / y
  for (let k = 1; k <= 11; k++) {
    const f = k === 1 ? 1 / 2 : 1 / (2 * k * (2 * k - 1))
    factor *= f
    sum += bernoulli[k - 1]! * factor
    factor *= ((s + 2 * k - 1) * (s + 2 * k)) / (y * y)
  }
  return sum
}

/** The n-th derivative of ψ: (−1)ⁿ⁺¹ n! ζ(n + 1, x). */
export function polygamma(n: number, x: number): number {
  if (n === 0) return digamma(x)
  let factorial = n % 2 === 0 ? -1 : 1
  for (let k = 2; k <= n; k++) factorial *= k
  return factorial * zeta(n + 1, x)
}

/** Iₙ(x) e^−|x| for n = 0 and 1: the mean of e^(x cos θ − |x|) cos nθ by trapezoids, which is exact but for rounding. */
export function scaledI(n: number, x: number): number {
  const a = Math.abs(x)
  if (!Number.isFinite(x)) return Number.isNaN(x) ? x : 0
  if (n === 1 && a < 1) {
    // Without the cancellation around 0: Σ (x/2)^(2k+1) / (k! (k+1)!).
    let term = x / 2
    let sum = term
    for (let k = 1; k < 16; k++) sum += term *= (x * x) / 4 / (k * (k + 1))
    return sum * Math.exp(-a)
  }
  if (a > 60) {
    // DLMF 10.40.1
    let term = 1
    let sum = 1
    for (let k = 1; k < 30; k++) {
      term *= -(4 * n * n - power(2 * k - 1, 2)) / (8 * k * a)
      sum += term
      if (Math.abs(term) < 1e-17) break
    }
    return (n === 1 ? Math.sign(x) : 1) * (sum / Math.sqrt(2 * Math.PI * a))
  }
  const steps = 64
  let sum = 0
  for (let k = 0; k <= steps; k++) {
    const angle = (Math.PI * k) / steps
    const c = Math.cos(angle)
    const w = k === 0 || k === steps ? 0.5 : 1
    sum += w * Math.exp(a * (c - 1)) * (n === 0 ? 1 : c)
  }
  return (n === 1 ? Math.sign(x) : 1) * (sum / steps)
}
export const besselI = (n: number, x: number): number => {
  const a = Math.abs(x)
  if (a === Infinity) return n === 1 ? x : a
  // In two factors, so that none overflows before the product does.
  return scaledI(n, x) * Math.exp(a / 2) * Math.exp(a / 2)
}

/** K_ν(x) eˣ = ∫₀^∞ e^(−x (cosh t − 1)) cosh νt dt (DLMF 10.32.9) by trapezoids. */
export function scaledK(order: number, x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN
  if (x === 0) return Infinity
  if (x === Infinity) return 0
  const top = Math.acosh(1 + 745 / x)
  const steps = Math.max(60, Math.ceil(top * 24))
  const h = top / steps
  let sum = 0.5
  for (let k = 1; k <= steps; k++) {
    const t = k * h
    // cosh t − 1 without cancellation
    sum += Math.exp(-2 * x * power(Math.sinh(t / 2), 2)) * Math.cosh(order * t)
  }
  return sum * h
}

/** Jₙ and Yₙ for n = 0 and 1: Miller's recurrence and Neumann's series (Abramowitz and Stegun 9.1.88), Hankel's series from 30 on. */
function besselJY(n: 0 | 1, a: number): [number, number] {
  if (a === Infinity) return [0, 0]
  if (a > 30) {
    // DLMF 10.17.3
    let [p, q, term] = [0, 0, 1]
    for (let k = 0; k < 40; k++) {
      if (k % 2 === 0) p += k % 4 === 0 ? term : -term
      else q += k % 4 === 1 ? term : -term
      const next = (term * (4 * n * n - power(2 * k + 1, 2))) / (8 * (k + 1) * a)
      if (Math.abs(next) > Math.abs(term) || Math.abs(next) < 1e-18) break
      term = next
    }
    const [c, s] = [Math.cos(a), Math.sin(a)]
    // cos and sin of x − π/4, or of x − 3π/4.
    const [cw, sw] = n === 0 ? [c + s, s - c] : [s - c, -c - s]
    const r = 1 / Math.sqrt(Math.PI * a)
    return [r * (p * cw - q * sw), r * (p * sw + q * cw)]
  }
  const top = 2 * Math.ceil((a + 40) / 2)
  const j = new Float64Array(top + 2)
  j[top] = 1e-300
  let total = 0
  for (let k = top; k > 0; k--) {
    j[k - 1] = ((2 * k) / a) * j[k]! - j[k + 1]!
    if (Math.abs(j[k - 1]!) > 1e200) for (let i = k - 1; i <= top; i++) j[i]! *= 1e-250
  }
  for (let k = 2; k <= top; k += 2) total += 2 * j[k]!
  total += j[0]!
  let sum = 0
  let sign = -1
  for (let k = 1; 2 * k + 1 <= top; k++, sign = -sign)
    sum += n === 0 ? (sign * j[2 * k]!) / k : (sign * (2 * k + 1) * j[2 * k + 1]!) / (k * (k + 1))
  const jn = j[n]! / total
  const log = Math.log(a / 2) + EULER - n
  const y =
    n === 0
      ? (2 / Math.PI) * log * jn - ((4 / Math.PI) * sum) / total
      : (-2 / (Math.PI * a)) * (j[0]! / total) +
        (2 / Math.PI) * log * jn -
        ((2 / Math.PI) * sum) / total
  return [jn, y]
}
export function besselJ(n: 0 | 1, x: number): number {
  const a = Math.abs(x)
  if (!(a > 1e-8)) return n === 0 ? (Number.isNaN(x) ? x : 1) : x / 2
  return (n === 1 ? Math.sign(x) : 1) * besselJY(n, a)[0]
}
export function besselY(n: 0 | 1, x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : Number.NaN
  if (x < 1e-8) return n === 0 ? (2 / Math.PI) * (Math.log(x / 2) + EULER) : -2 / (Math.PI * x)
  return besselJY(n, x)[1]
}

/** e^(x²) erfc x; a continued fraction from 2.5 on (DLMF 7.9.1). */
export function erfcx(x: number): number {
  if (x < 2.5) return Math.exp(x * x) * erfc(x)
  if (x > 1e8) return 1 / Math.sqrt(Math.PI) / x
  let f = 0
  for (let n = 80; n > 0; n--) f = n / 2 / (x + f)
  return 1 / Math.sqrt(Math.PI) / (x + f)
}
/** ln Φ(x), the normal distribution. */
export const logNdtr = (x: number): number =>
  x < -1
    ? Math.log(erfcx(-x / Math.SQRT2) / 2) - (x * x) / 2
    : Math.log1p(x < 0 ? -(1 + erf(-x / Math.SQRT2)) / 2 : -erfc(x / Math.SQRT2) / 2)

/** The inverse of Φ: Newton's method on ln Φ, which is concave, so that it converges from everywhere. */
export function ndtri(p: number): number {
  if (p === 0) return -Infinity
  if (p === 1) return Infinity
  if (!(p > 0 && p < 1)) return Number.NaN
  if (p > 0.5) return -ndtri(1 - p)
  if (p > 0.25) return Math.SQRT2 * erfinv(2 * p - 1)
  const goal = Math.log(p)
  let x = -Math.sqrt(-2 * goal)
  for (let i = 0; i < 60; i++) {
    // Φ′/Φ
    const slope = Math.sqrt(2 / Math.PI) / erfcx(-x / Math.SQRT2)
    const step = (logNdtr(x) - goal) / slope
    x -= step
    if (Math.abs(step) < 1e-15 * Math.abs(x)) break
  }
  return x
}

/** The regularized lower incomplete gamma function P(a, x): its series, or 1 minus the continued fraction of Q (DLMF 8.7, 8.9). */
export function igamma(a: number, x: number, upper = false): number {
  if (!(a >= 0 && x >= 0)) return Number.NaN
  const give = (p: number) => (upper ? 1 - p : p)
  if (a === 0) return x > 0 ? give(1) : Number.NaN
  if (x === 0) return give(0)
  if (a === Infinity) return x === Infinity ? Number.NaN : give(0)
  if (x === Infinity) return give(1)
  const scale = Math.exp(a * Math.log(x) - x - lgamma(a))
  if (x < a + 1) {
    let term = 1 / a
    let sum = term
    for (let n = 1; n < 10000 && term > 1e-17 * sum; n++) sum += term *= x / (a + n)
    return give(scale * sum)
  }
  // Lentz's method.
  let b = x + 1 - a
  let c = 1e300
  let d = 1 / b
  let h = d
  for (let i = 1; i < 10000; i++) {
    const an = -i * (i - a)
    b += 2
    d = 1 / (an * d + b || 1e-300)
    c = b + an / c || 1e-300
    h *= d * c
    if (Math.abs(d * c - 1) < 1e-16) break
  }
  return upper ? scale * h : 1 - scale * h
}

/** sin x / x. */
export const sphericalJ0 = (x: number): number =>
  Math.abs(x) === Infinity ? 0 : Math.abs(x) < 1e-4 ? 1 - (x * x) / 6 : Math.sin(x) / x

/** A family of polynomials by p₀ = 1, p₁ and its recurrence; 0 below degree 0. */
const recurrent =
  (
    first: (x: number) => number,
    next: (k: number, x: number, p: number, before: number) => number,
  ) =>
  (x: number, degree: number): number => {
    const n = Math.trunc(degree)
    if (n < 0) return 0
    if (n === 0) return 1
    let [before, p] = [1, first(x)]
    for (let k = 1; k < n; k++) [before, p] = [p, next(k, x, p, before)]
    return p
  }
const chebyshev = (first: (x: number) => number) =>
  recurrent(first, (_, x, p, before) => 2 * x * p - before)
export const chebyshevT = chebyshev((x) => x)
export const chebyshevU = chebyshev((x) => 2 * x)
export const chebyshevV = chebyshev((x) => 2 * x - 1)
export const chebyshevW = chebyshev((x) => 2 * x + 1)
export const hermiteH = recurrent(
  (x) => 2 * x,
  (k, x, p, before) => 2 * (x * p - k * before),
)
export const hermiteHe = recurrent(
  (x) => x,
  (k, x, p, before) => x * p - k * before,
)
export const laguerreL = recurrent(
  (x) => 1 - x,
  (k, x, p, before) => ((2 * k + 1 - x) * p - k * before) / (k + 1),
)
export const legendreP = recurrent(
  (x) => x,
  (k, x, p, before) => ((2 * k + 1) * x * p - k * before) / (k + 1),
)

/**
 * Ai(x): its power series near 0 (DLMF 9.4.1), K_{1/3} above (9.6.2), the oscillating expansion far below 0 (9.7.9); NaN at
 * infinities, as in PyTorch.
 */
export function airyAi(x: number): number {
  if (!Number.isFinite(x)) return Number.NaN
  const zeta = (2 / 3) * power(Math.abs(x), 1.5)
  if (x > 1) return (Math.sqrt(x / 3) / Math.PI) * scaledK(1 / 3, zeta) * Math.exp(-zeta)
  if (x < -7) {
    let [even, odd, term] = [0, 0, 1]
    for (let k = 0; k < 40; k++) {
      const sign = k % 4 < 2 ? 1 : -1
      if (k % 2 === 0) even += sign * term
      else odd += sign * term
      const j = k + 1
      const next =
        (term * ((6 * j - 5) * (6 * j - 3) * (6 * j - 1))) / ((2 * j - 1) * 216 * j) / zeta
      if (next > term || next < 1e-18) break
      term = next
    }
    const angle = zeta - Math.PI / 4
    return (Math.cos(angle) * even + Math.sin(angle) * odd) / (Math.sqrt(Math.PI) * power(-x, 0.25))
  }
  // Ai(0) and −Ai′(0).
  let [f, g] = [0.3550280538878172, 0.2588194037928068 * x]
  let sum = f - g
  for (let k = 1; k < 90; k++) {
    f *= (x * x * x) / ((3 * k - 1) * (3 * k))
    g *= (x * x * x) / (3 * k * (3 * k + 1))
    sum += f - g
  }
  return sum
}
