/** Initial values, written into a tensor in place. Gains, fans and bounds as in torch.nn.init. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { sameShape, sizeOf } from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { toType } from '../ops/define.js'
import type { Tensor } from '../ops/tensor.js'
import { full, tensor, toBackend } from '../tensor/creation.js'
import type { Module } from './module.js'
import { noGrad, withState } from '../ops/state.js'
import { type Generator, normal as normalOf, uniform as uniformOf } from '../tensor/random.js'

export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu' | 'conv'

interface Drawn {
  generator?: Generator
}

/** Writes what `make` gives, made where the tensor is and brought to its type. */
function set(t: Tensor, make: () => Tensor): Tensor {
  withState(
    'backend',
    () => t.backend,
    () => noGrad(() => assign(t, toType(make(), t.dtype))),
  )
  return t
}

/** How much a nonlinearity shrinks the spread of its input: Xavier and He scale by it. */
export function gain(nonlinearity: Nonlinearity = 'linear', slope = 0.01): number {
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3
    case 'relu':
      return Math.SQRT2
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + slope * slope))
    case 'selu':
      return 3 / 4
    case 'linear':
    case 'sigmoid':
    case 'conv':
      return 1
    default:
      throw new ValueError({
        op: 'init.gain',
        rule: "nonlinearity must be 'linear', 'conv', 'sigmoid', 'tanh', 'relu', 'leakyRelu' or 'selu'",
        got: `'${nonlinearity as string}'`,
      })
  }
}

/** Inputs and outputs of each unit: (out, in, ...taps). @throws ShapeError for fewer than two axes */
export function fans(t: Tensor): { fanIn: number; fanOut: number } {
  if (t.rank < 2)
    throw new ShapeError({ op: 'init', rule: 'fans need at least two axes', got: show(t.shape) })
  const taps = sizeOf(t.shape.slice(2))
  return { fanIn: t.shape[1]! * taps, fanOut: t.shape[0]! * taps }
}

/** One value everywhere. */
export const constant = (t: Tensor, value: number): Tensor => set(t, () => full(t.shape, value))
export const zeros = (t: Tensor): Tensor => constant(t, 0)
export const ones = (t: Tensor): Tensor => constant(t, 1)
/** U(lo, hi). */
export const uniform = (t: Tensor, lo = 0, hi = 1, options: Drawn = {}): Tensor =>
  set(t, () => uniformOf(t.shape, lo, hi, options))
/** N(mean, std²). */
export const normal = (t: Tensor, mean = 0, std = 1, options: Drawn = {}): Tensor =>
  set(t, () => normalOf(t.shape, mean, std, options))

/**
 * Normal numbers of [a, b] only, as if numbers outside of it were drawn again: by the inverse of the distribution function.
 * @throws ValueError unless a < b
 */
export function truncatedNormal(
  t: Tensor,
  mean = 0,
  std = 1,
  a = -2,
  b = 2,
  options: Drawn = {},
): Tensor {
  if (!(a < b))
    throw new ValueError({
      op: 'init.truncatedNormal',
      rule: 'the lower bound must be below the upper one',
      got: `${a} and ${b}`,
    })
  const cdf = (x: number) => erf((x - mean) / (std * Math.SQRT2))
  return set(t, () =>
    uniformOf(t.shape, cdf(a), cdf(b), options)
      .erfinv()
      .mul(std * Math.SQRT2)
      .add(mean)
      .clamp(a, b),
  )
}
const erf = (x: number) => {
  // Abramowitz and Stegun 7.1.26 would do for bounds; the series is exact enough and as short.
  let term = x
  let sum = x
  if (Math.abs(x) > 4) return Math.sign(x)
  for (let n = 1; n < 200 && Math.abs(term) > 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

/** Glorot and Bengio, 2010: U(±g √(6/(fanIn + fanOut))). */
export function xavierUniform(t: Tensor, g = 1, options: Drawn = {}): Tensor {
  const { fanIn, fanOut } = fans(t)
  const bound = g * Math.sqrt(6 / (fanIn + fanOut))
  return uniform(t, -bound, bound, options)
}
/** Glorot and Bengio, 2010: N(0, g² 2/(fanIn + fanOut)). */
export function xavierNormal(t: Tensor, g = 1, options: Drawn = {}): Tensor {
  const { fanIn, fanOut } = fans(t)
  return normal(t, 0, g * Math.sqrt(2 / (fanIn + fanOut)), options)
}

export interface HeOptions extends Drawn {
  /** The slope of leakyRelu below 0. */
  a?: number
  mode?: 'fanIn' | 'fanOut'
  nonlinearity?: Nonlinearity
}
const heNames: OptionNames<HeOptions> = {
  a: true,
  mode: true,
  nonlinearity: true,
  generator: true,
}
/** The spread, and what is left of the options. @throws ValueError for an option or mode that there is none of */
function heStd(op: string, t: Tensor, options: HeOptions): { std: number; drawn: Drawn } {
  const {
    a = 0,
    mode = 'fanIn',
    nonlinearity = 'leakyRelu',
    ...drawn
  } = checkOptions(op, options, heNames)
  if (mode !== 'fanIn' && mode !== 'fanOut')
    throw new ValueError({ op, rule: "mode must be 'fanIn' or 'fanOut'", got: `'${mode}'` })
  return { std: gain(nonlinearity, a) / Math.sqrt(fans(t)[mode]), drawn }
}
/** He et al., 2015: U(±g √(3/fan)). */
export function heUniform(t: Tensor, options: HeOptions = {}): Tensor {
  const { std, drawn } = heStd('init.heUniform', t, options)
  const bound = Math.sqrt(3) * std
  return uniform(t, -bound, bound, drawn)
}
/** He et al., 2015: N(0, g²/fan). */
export function heNormal(t: Tensor, options: HeOptions = {}): Tensor {
  const { std, drawn } = heStd('init.heNormal', t, options)
  return normal(t, 0, std, drawn)
}
export const kaimingUniform = heUniform
export const kaimingNormal = heNormal

/** Ones on the diagonal, zeros elsewhere. @throws ShapeError unless it is a matrix */
export function identity(t: Tensor): Tensor {
  if (t.rank !== 2)
    throw new ShapeError({ op: 'init.identity', rule: 'a matrix is needed', got: show(t.shape) })
  const [rows, cols] = t.shape as [number, number]
  const data = new Float32Array(rows * cols)
  for (let i = 0; i < Math.min(rows, cols); i++) data[i * cols + i] = 1
  return set(t, () => tensor(data, { shape: t.shape }))
}

/** Rows (or columns) that are orthonormal, times the gain: QR of a normal matrix. Saxe et al., 2013. */
export function orthogonal(t: Tensor, g = 1, options: Drawn = {}): Tensor {
  if (t.rank < 2)
    throw new ShapeError({
      op: 'init.orthogonal',
      rule: 'at least two axes are needed',
      got: show(t.shape),
    })
  const rows = t.shape[0]!
  const cols = t.size / rows
  const long = Math.max(rows, cols)
  const short = Math.min(rows, cols)
  const z = noGrad(() => normalOf([short, long], 0, 1, options).toTypedArray())
  // Gram and Schmidt, twice for accuracy, on the shorter side's vectors.
  const q = Float64Array.from(z as Iterable<number>)
  for (let i = 0; i < short; i++)
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        let dot = 0
        for (let k = 0; k < long; k++) dot += q[i * long + k]! * q[j * long + k]!
        for (let k = 0; k < long; k++) q[i * long + k]! -= dot * q[j * long + k]!
      }
      let norm = 0
      for (let k = 0; k < long; k++) norm += q[i * long + k]! ** 2
      norm = Math.sqrt(norm)
      for (let k = 0; k < long; k++) q[i * long + k]! /= norm
    }
  const data = new Float32Array(t.size)
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++)
      data[r * cols + c] = g * (rows <= cols ? q[r * long + c]! : q[c * long + r]!)
  return set(t, () => tensor(data, { shape: t.shape }))
}

/** Normal numbers, a share of each column zero. Martens, 2010. @throws ValueError unless 0 ≤ sparsity < 1 */
export function sparse(t: Tensor, sparsity: number, std = 0.01, options: Drawn = {}): Tensor {
  if (!(sparsity >= 0 && sparsity < 1))
    throw new ValueError({
      op: 'init.sparse',
      rule: 'sparsity must lie in [0, 1)',
      got: `${sparsity}`,
    })
  if (t.rank !== 2)
    throw new ShapeError({ op: 'init.sparse', rule: 'a matrix is needed', got: show(t.shape) })
  const [rows, cols] = t.shape as [number, number]
  const data = normalOf(t.shape, 0, std, options).toTypedArray() as Float32Array
  const order = uniformOf(t.shape, 0, 1, options).toTypedArray()
  const none = Math.ceil(rows * sparsity)
  for (let c = 0; c < cols; c++) {
    const places = Array.from({ length: rows }, (_, r) => r * cols + c)
    places.sort((a, b) => order[a]! - order[b]!)
    for (const p of places.slice(0, none)) data[p] = 0
  }
  return set(t, () => tensor(data, { shape: t.shape }))
}

export interface FromSavedOptions {
  /** Another name for a saved tensor, or null to leave it out: `(name) => name.replace('encoder.', '')`. */
  rename?: (name: string) => string | null
}

/**
 * Starts a model from the tensors of a saved run: those whose name and shape agree are copied, all else keeps its own
 * initial values. Gives the names of each kind, so that nothing is left out unseen; `mismatched` are of another shape.
 * @throws ValueError when nothing agrees
 */
export function fromSaved(
  model: Module,
  saved: Record<string, Tensor>,
  options: FromSavedOptions = {},
): { loaded: string[]; missing: string[]; unexpected: string[]; mismatched: string[] } {
  const { rename = (name: string) => name } = checkOptions<FromSavedOptions>(
    'init.fromSaved',
    options,
    ['rename'],
  )
  const own = model.stateDict()
  const given = new Map<string, Tensor>()
  for (const [name, t] of Object.entries(saved)) {
    const to = rename(name)
    if (to !== null) given.set(to, t)
  }
  const fits = (name: string) => sameShape(own[name]!.shape, given.get(name)!.shape)
  const common = Object.keys(own).filter((name) => given.has(name))
  const loaded = common.filter(fits)
  if (loaded.length === 0)
    throw new ValueError({
      op: 'init.fromSaved',
      rule: `names and shapes of ${model.constructor.name} must agree with some that were saved`,
      got: `${[...given.keys()].slice(0, 5).join(', ')}; the model has ${Object.keys(own).slice(0, 5).join(', ')}`,
      fix: 'Pass rename to map the saved names.',
    })
  for (const name of loaded) {
    const t = own[name]!
    set(t, () => toBackend(given.get(name)!, t.backend))
  }
  return {
    loaded,
    missing: Object.keys(own).filter((name) => !given.has(name)),
    unexpected: [...given.keys()].filter((name) => !(name in own)),
    mismatched: common.filter((name) => !fits(name)),
  }
}
