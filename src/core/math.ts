/** Functions whose last bit is the same on every version of Node and in every browser. */

/**
 * xʸ, in the place of `x ** y`, which V8 has rounded in two ways: 0.9 ** 4 is 0.6561 in Node 24 and 0.6561000000000001 in
 * Node 22. Whole and half exponents take products and a square root, which IEEE 754 rounds in one way; others
 * exp(y ln x), which V8 takes from fdlibm.
 */
export function power(x: number, y: number): number {
  if (Number.isInteger(y) && Math.abs(y) <= 2 ** 31) {
    let result = 1
    let square = x
    for (let n = Math.abs(y); n > 0; n = Math.floor(n / 2)) {
      if (n % 2 === 1) result *= square
      square *= square
    }
    return y < 0 ? 1 / result : result
  }
  if (Number.isInteger(2 * y) && x >= 0) {
    const root = power(x, Math.abs(y) - 0.5) * Math.sqrt(x)
    return y < 0 ? 1 / root : root
  }
  return x === 0 ? (y > 0 ? 0 : Number.POSITIVE_INFINITY) : Math.exp(y * Math.log(x))
}
