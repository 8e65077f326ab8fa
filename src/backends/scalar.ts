/** The elementwise functions, one element at a time, in double precision. */
import { pow } from '../core/math.js'
import type { DType } from '../core/dtype.js'
import { isFloat, isInteger, toBigInt } from '../core/dtype.js'
import { BackendError } from '../core/errors.js'
import { erf, erfc, erfinv, roundHalfEven } from '../core/special.js'

type Fn = (a: number, b: number, c: number) => number

const bool = (v: boolean) => (v ? 1 : 0)
const floorMod = (a: number, b: number) => {
  const r = a % b
  return r !== 0 && r < 0 !== b < 0 ? r + b : r
}
const minNaN = (a: number, b: number) => (Number.isNaN(a) ? a : Math.min(a, b))
const maxNaN = (a: number, b: number) => (Number.isNaN(a) ? a : Math.max(a, b))

const floats = {
  exp: Math.exp,
  exp2: (x) => pow(2, x),
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  sigmoid: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  erf,
  erfc,
  erfinv,
  ndtr: (x) => erfc(-x * Math.SQRT1_2) / 2,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  trunc: Math.trunc,
  neg: (x) => -x,
  abs: Math.abs,
  sign: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  square: (x) => x * x,
  isnan: (x) => bool(Number.isNaN(x)),
  isinf: (x) => bool(Math.abs(x) === Number.POSITIVE_INFINITY),
  isfinite: (x) => bool(Number.isFinite(x)),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  // As PyTorch (and Python): from the remainder of C, so that infinite divisors give 0 or −1.
  floordiv: (a, b) => {
    if (b === 0) return a / b
    const r = a % b
    const q = (a - r) / b - (r !== 0 && r < 0 !== b < 0 ? 1 : 0)
    return q === 0 ? q : Math.floor(q + 0.5)
  },
  remainder: floorMod,
  fmod: (a, b) => a % b,
  minimum: minNaN,
  maximum: maxNaN,
  // C's rules: 1 to anything is 1, −1 to an infinity is 1.
  pow: (a, b) => (a === 1 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) ? 1 : pow(a, b)),
  atan2: (a, b) => Math.atan2(a, b),
  hypot: (a, b) => Math.hypot(a, b),
  copysign: (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),
} satisfies Record<string, Fn>

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

/** int32: results wrap around, division by 0 gives 0. */
const ints = {
  neg: (x) => -x | 0,
  abs: (x) => Math.abs(x) | 0,
  sign: (x) => Math.sign(x),
  square: (x) => Math.imul(x, x),
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: (a, b) => Math.imul(a, b),
  div: (a, b) => (b === 0 ? 0 : Math.trunc(a / b) | 0),
  floordiv: (a, b) => (b === 0 ? 0 : Math.floor(a / b) | 0),
  remainder: (a, b) => (b === 0 ? 0 : floorMod(a, b)),
  fmod: (a, b) => (b === 0 ? 0 : a % b),
  minimum: (a, b) => Math.min(a, b),
  maximum: (a, b) => Math.max(a, b),
  pow: powInt,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shr: (a, b) => (a >>> b) | 0,
} satisfies Record<string, Fn>

/** bool is 0 or 1: sums are or, products and. */
const bools = {
  minimum: (a, b) => Math.min(a, b),
  maximum: (a, b) => Math.max(a, b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => 1 - a,
} satisfies Record<string, Fn>

/** The same for every type. */
const any = {
  eq: (a, b) => bool(a === b),
  ne: (a, b) => bool(a !== b),
  lt: (a, b) => bool(a < b),
  le: (a, b) => bool(a <= b),
  gt: (a, b) => bool(a > b),
  ge: (a, b) => bool(a >= b),
  copy: (a) => a,
  where: (c, a, b) => (c ? a : b),
} satisfies Record<string, Fn>

/** The elementwise functions. cast: to the node's dtype; float to int truncates; to bool is != 0. */
export type MapFn =
  | keyof typeof floats
  | keyof typeof ints
  | keyof typeof bools
  | keyof typeof any
  | 'cast'
/** Those whose result is a bool, whatever they are given; all others but casts keep the type of their last operand. */
export const tests: ReadonlySet<MapFn> = new Set<MapFn>(
  ['isnan', 'isinf', 'isfinite', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'],
) // biome-ignore format: a list
type Table = { readonly [name in MapFn]?: Fn }

/** A float as int32: toward 0, NaN and what does not fit as the smallest one (what processors do). */
const toInt = (x: number) => {
  const t = Math.trunc(x)
  return t >= -2147483648 && t <= 2147483647 ? t : -2147483648
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
    if (to === 'bool') return (x) => bool(Number(x) !== 0)
    if (from === 'int64')
      return isFloat(to) ? (x) => Number(x) : to === 'int64' ? (x) => x : (lowBits as unknown as Fn)
    if (to === 'int64') return toBigInt as unknown as Fn
    return isInteger(to) && isFloat(from) ? toInt : (x) => x
  }
  const own: Table = isFloat(from)
    ? floats
    : from === 'int64'
      ? asNumbers
      : from === 'bool'
        ? bools
        : ints
  const f = (any as Table)[fn] ?? own[fn]
  if (!f) throw new BackendError({ op: fn, rule: 'no such function of this type', got: from })
  return f
}
