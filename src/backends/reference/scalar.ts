/** Every elementwise function, one element at a time: those of backends/scalar.ts, powers, error functions and int64. */
import { type DType, isFloat, toBigInt } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import { pow } from '../../core/math.js'
import { erf, erfc, erfinv } from '../../core/special.js'
import { type Fn, type MapFn, plainFunction, type RareFn } from '../scalar.js'

const floats: { readonly [name in RareFn]: Fn } = {
  exp2: (x) => pow(2, x),
  erf,
  erfc,
  erfinv,
  ndtr: (x) => erfc(-x * Math.SQRT1_2) / 2,
  // C's rules: 1 to anything is 1, −1 to an infinity is 1.
  pow: (a, b) => (a === 1 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) ? 1 : pow(a, b)),
}

/** Whole-number power with wrap-around; a negative exponent gives 0 except for bases 1 and −1. */
function powInt(a: number, b: number): number {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 === 0 ? 1 : -1) : 0
  let r = 1
  let base = a
  for (let e = b; e > 0; e = Math.floor(e / 2)) {
    if (e % 2 === 1) r = Math.imul(r, base)
    base = Math.imul(base, base)
  }
  return r
}

/**
 * int64, on bigints: results wrap around when they are stored, division by 0 gives 0. They are typed as functions of
 * numbers, as BigInt64Array passes for an array of numbers.
 */
type BigFn = (a: bigint, b: bigint) => bigint
const floorModBig: BigFn = (a, b) => {
  const r = a % b
  return r !== 0n && r < 0n !== b < 0n ? r + b : r
}
function powBig(a: bigint, b: bigint): bigint {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n
  let r = 1n
  let base = a
  for (let e = b; e > 0n; e >>= 1n) {
    if (e & 1n) r = BigInt.asIntN(64, r * base)
    base = BigInt.asIntN(64, base * base)
  }
  return r
}
const bigs = {
  neg: (x) => -x,
  abs: (x) => (x < 0n ? -x : x),
  sign: (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n),
  square: (x) => x * x,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0n ? 0n : a / b),
  floordiv: (a, b) => (b === 0n ? 0n : (a - floorModBig(a, b)) / b),
  remainder: (a, b) => (b === 0n ? 0n : floorModBig(a, b)),
  fmod: (a, b) => (b === 0n ? 0n : a % b),
  // biome-ignore lint/complexity/useMathMinMax: Math.min takes no bigints
  minimum: (a, b) => (a < b ? a : b),
  // biome-ignore lint/complexity/useMathMinMax: Math.max takes no bigints
  maximum: (a, b) => (a > b ? a : b),
  pow: powBig,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shr: (a, b) => BigInt.asUintN(64, a) >> (b & 63n),
} satisfies { [name in MapFn]?: BigFn }
const asNumbers = bigs as unknown as { [name in MapFn]?: Fn }

const lowBits = (x: bigint) => Number(BigInt.asIntN(32, x))

/** The function of one element, for operands of type `from` and a result of type `to`. */
export function mapFunction(fn: MapFn, from: DType, to: DType): Fn {
  if (fn === 'cast') {
    if (from === 'int64' && to !== 'bool')
      return isFloat(to) ? (x) => Number(x) : to === 'int64' ? (x) => x : (lowBits as unknown as Fn)
    if (to === 'int64') return toBigInt as unknown as Fn
    if (from === 'int64') return (x) => (Number(x) !== 0 ? 1 : 0)
  }
  const rare = isFloat(from)
    ? floats[fn as RareFn]
    : fn === 'pow' && from !== 'bool'
      ? powInt
      : undefined
  const found = plainFunction(fn, from, to) ?? (from === 'int64' ? asNumbers[fn] : rare)
  if (!found) throw new BackendError({ op: fn, rule: 'no such function of this type', got: from })
  return found
}
