/** The elementwise functions, one element at a time, in double precision: those by which constants are folded. */
import type { DType } from '../core/dtype.js'
import { isFloat, isInteger } from '../core/dtype.js'
import { roundHalfEven } from '../core/special.js'

export type Fn = (a: number, b: number, c: number) => number

const bool = (v: boolean) => (v ? 1 : 0)
export const floorMod = (a: number, b: number) => {
  const r = a % b
  return r !== 0 && r < 0 !== b < 0 ? r + b : r
}
const minNaN = (a: number, b: number) => (Number.isNaN(a) ? a : Math.min(a, b))
const maxNaN = (a: number, b: number) => (Number.isNaN(a) ? a : Math.max(a, b))

const floats = {
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  sigmoid: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  round: roundHalfEven,
  neg: (x) => -x,
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
  copysign: (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),
} satisfies Record<string, Fn>

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

/** Those that take more code than to fold a constant is worth. */
export type RareFn = 'exp2' | 'pow' | 'erf' | 'erfc' | 'erfinv' | 'ndtr'
/** Those of floats that JavaScript has under the same name. */
type MathFn =
  | 'exp' | 'expm1' | 'log' | 'log2' | 'log10' | 'log1p' | 'sqrt'
  | 'sin' | 'cos' | 'tan' | 'asin' | 'acos' | 'atan' | 'atan2'
  | 'sinh' | 'cosh' | 'tanh' | 'asinh' | 'acosh' | 'atanh'
  | 'floor' | 'ceil' | 'trunc' | 'abs' | 'hypot' // biome-ignore format: a list
/** The elementwise functions. cast: to the node's dtype; float to int truncates; to bool is != 0. */
export type MapFn =
  | keyof typeof floats
  | keyof typeof ints
  | keyof typeof bools
  | keyof typeof any
  | MathFn
  | RareFn
  | 'cast'
/** Those whose result is a bool, whatever they are given; all others but casts keep the type of their last operand. */
export const tests: ReadonlySet<MapFn> = new Set<MapFn>(
  ['isnan', 'isinf', 'isfinite', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'],
) // biome-ignore format: a list
export type Table = { readonly [name in MapFn]?: Fn }

/** A float as int32: toward 0, NaN and what does not fit as the smallest one (what processors do). */
const toInt = (x: number) => {
  const t = Math.trunc(x)
  return t >= -2147483648 && t <= 2147483647 ? t : -2147483648
}

/**
 * The function of one element, for operands of type `from` and a result of type `to`; undefined for what constants are
 * not folded by. reference/scalar.ts has all of them.
 */
export function plainFunction(fn: MapFn, from: DType, to: DType): Fn | undefined {
  if (fn === 'cast') {
    if (to === 'bool') return (x) => bool(x !== 0)
    return isInteger(to) && isFloat(from) ? toInt : (x) => x
  }
  const own: Table = isFloat(from) ? floats : from === 'bool' ? bools : from === 'int64' ? {} : ints
  const found = (any as Table)[fn] ?? own[fn]
  // Powers have a rule of their own.
  return found ?? (isFloat(from) && fn !== 'pow' ? Math[fn as MathFn] : undefined)
}
