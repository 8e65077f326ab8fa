/**
 * xʸ with the same bits in every engine. `Math.pow` and `**` differ between versions of V8 (0.9 ** 4 is
 * 0.6561000000000001 on Node 20 and 22 and 0.6561 on 24 and 26); the other functions of Math have been found equal there.
 * This one is computed with sums of two doubles (Dekker, "A floating-point technique for extending the available
 * precision", 1971) by operations that IEEE 754 defines to the bit, and is within 0.5000001 units of the last place.
 */

/** A number as the sum of two that do not overlap. */
type Double = readonly [high: number, low: number]

function twoSum(a: number, b: number): Double {
  const s = a + b
  const t = s - a
  return [s, a - (s - t) + (b - t)]
}
/** a + b when |a| ≥ |b|. */
function fastSum(a: number, b: number): Double {
  const s = a + b
  return [s, b - (s - a)]
}
/** 2²⁷ + 1: cuts 53 bits in halves. */
const SPLIT = 134217729
function twoProduct(a: number, b: number): Double {
  const p = a * b
  const ca = SPLIT * a
  const ah = ca - (ca - a)
  const al = a - ah
  const cb = SPLIT * b
  const bh = cb - (cb - b)
  const bl = b - bh
  return [p, ah * bh - p + ah * bl + al * bh + al * bl]
}
function sum([ah, al]: Double, [bh, bl]: Double): Double {
  const [s, e] = twoSum(ah, bh)
  const [t, f] = twoSum(al, bl)
  const [u, g] = fastSum(s, e + t)
  return fastSum(u, g + f)
}
function product([ah, al]: Double, [bh, bl]: Double): Double {
  const [p, e] = twoProduct(ah, bh)
  return fastSum(p, e + (ah * bl + al * bh))
}
function quotient(a: Double, b: Double): Double {
  const q = a[0] / b[0]
  const r = sum(a, product([-q, 0], b))
  const q2 = r[0] / b[0]
  const r2 = sum(r, product([-q2, 0], b))
  return sum(fastSum(q, q2), [r2[0] / b[0], 0])
}

/** ln 2, and its reciprocal. */
const LN2: Double = [0.6931471805599453, 2.3190468138462996e-17]
const LOG2E = 1.4426950408889634

const view = new DataView(new ArrayBuffer(8))
/** x as m · 2ᵉ with m from √½ to √2. */
function parts(x: number): [m: number, e: number] {
  let e = 0
  if (x < 2 ** -1022) {
    x *= 2 ** 54
    e = -54
  }
  view.setFloat64(0, x)
  const high = view.getUint32(0)
  e += (high >>> 20) - 1023
  view.setUint32(0, (high & 0xfffff) | (1023 << 20))
  const m = view.getFloat64(0)
  return m > Math.SQRT2 ? [m / 2, e + 1] : [m, e]
}

/** ln x = e ln 2 + 2 atanh((m − 1)/(m + 1)), by its series. */
function log(x: number): Double {
  const [m, e] = parts(x)
  const z = quotient(twoSum(m, -1), twoSum(m, 1))
  const square = product(z, z)
  let series: Double = [0, 0]
  for (let k = 45; k >= 1; k -= 2) series = sum(product(series, square), quotient([1, 0], [k, 0]))
  return sum(product([e, 0], LN2), product([2 * z[0], 2 * z[1]], series))
}

/** eˣ = 2ᵏ eʳ with |r| ≤ ½ ln 2, by its series. */
function exp(x: Double): number {
  const k = Math.round(x[0] * LOG2E)
  const r = sum(x, product([-k, 0], LN2))
  let series: Double = [1, 0]
  for (let n = 24; n >= 1; n--) series = sum([1, 0], product(series, quotient(r, [n, 0])))
  // In two steps, so that 2ᵏ is a number.
  const half = Math.trunc(k / 2)
  return (series[0] + series[1]) * powerOfTwo(half) * powerOfTwo(k - half)
}
function powerOfTwo(k: number): number {
  view.setUint32(0, (k + 1023) << 20)
  view.setUint32(4, 0)
  return view.getFloat64(0)
}

/**
 * xʸ as JavaScript defines it, with the same bits everywhere.
 * @example pow(0.9, 4) // 0.6561
 */
export function pow(x: number, y: number): number {
  if (y === 1) return x
  if (y === 2) return x * x
  if (y === -1) return 1 / x
  const a = Math.abs(x)
  // Exact by definition: 0, 1, infinities, NaN and what is not real.
  if (
    y === 0 ||
    a === 0 ||
    a === 1 ||
    !Number.isFinite(a) ||
    !Number.isFinite(y) ||
    (x < 0 && !Number.isInteger(y))
  )
    // biome-ignore lint/style/useExponentiationOperator: the one place where it is used
    return Math.pow(x, y)
  const most = a > 1 === y > 0 ? Number.POSITIVE_INFINITY : 0
  const sign = x < 0 && Math.abs(y) % 2 === 1 ? -1 : 1
  // ln of the double next to 1 is 2⁻⁵³.
  if (Math.abs(y) > 2 ** 64) return sign * most
  const power = product([y, 0], log(a))
  if (power[0] > 710 || power[0] < -746) return sign * most
  return sign * exp(power)
}
