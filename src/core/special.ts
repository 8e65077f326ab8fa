/** Special functions in double precision, for the reference backend. */

/** erf x = 2/√π ∫₀ˣ e^−t² dt, by its series with positive terms near 0 and by erfc elsewhere. */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (!(a < 2.5)) return Number.isNaN(x) ? x : Math.sign(x) * (1 - erfc(a))
  // e^−x² Σ 2ⁿ x^(2n+1) / (2n+1)!!
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

/** 1 − erf x, accurate where that is small: a continued fraction from 2.5 on. */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return x
  if (x < 2.5) return 1 - erf(x)
  if (x === Number.POSITIVE_INFINITY) return 0
  let f = 0
  for (let n = 80; n > 0; n--) f = n / 2 / (x + f)
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + f)
}

/** The inverse of erf, by Newton's method from Winitzki's approximation. */
export function erfinv(y: number): number {
  if (!(Math.abs(y) < 1)) return Math.abs(y) === 1 ? y * Number.POSITIVE_INFINITY : Number.NaN
  if (y === 0) return y
  const l = Math.log1p(-y * y)
  const a = 2 / (Math.PI * 0.147) + l / 2
  let x = Math.sign(y) * Math.sqrt(Math.sqrt(a * a - l / 0.147) - a)
  for (let i = 0; i < 4; i++) {
    // Near ±1 the difference is taken on the complement, which keeps its digits.
    const error =
      Math.abs(x) > 1 ? Math.sign(x) * (1 - Math.abs(y) - erfc(Math.abs(x))) : erf(x) - y
    x -= error / ((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x))
  }
  return x
}

/** The nearest whole number, halves to the even one. */
export function roundHalfEven(x: number): number {
  const r = Math.round(x)
  if (Math.abs(x - Math.trunc(x)) !== 0.5) return Object.is(r, -0) || (r === 0 && x < 0) ? -0 : r
  return 2 * Math.round(x / 2)
}
