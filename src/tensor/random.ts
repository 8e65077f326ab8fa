/** Random tensors by a counter-based generator: one seed gives the same numbers on every backend. */
import { sum, coordinates } from '../ops/broadcast.js'
import { add, div, mul, sub, neg } from '../ops/arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, kinds, type OptionNames, readOptions, showValue } from '../core/options.js'
import {
  broadcastShapes,
  checkShape,
  normAxis,
  readShape,
  type Shape,
  type ShapeThen,
} from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { eq, lt } from '../ops/compare.js'
import { bitsToNormal, randomBits, randomUniform } from '../ops/creation.js'
import { toType } from '../ops/define.js'
import { remainder } from '../ops/elementwise.js'
import { log } from '../ops/functions.js'
import { cumsum } from '../ops/scan.js'
import { argsort, searchsorted, topk } from '../ops/sort.js'
import { fromData, Tensor } from '../ops/tensor.js'
import { drawn, nodeOf, tracedTensor } from '../ops/trace.js'
import { ended, noGrad, state, withState } from '../ops/state.js'
import { setRequiresGrad, type TensorOptions } from './creation.js'

/**
 * A stream of random numbers: a key made from the seed and a count of draws. Compiled programs read and advance the
 * same state. Philox4x32-10.
 */
export class Generator {
  private held: Tensor | undefined
  private words: Int32Array = Int32Array.of(0, 0, 0)

  constructor(seed = 0) {
    this.seed(seed)
  }

  /** Starts again with a seed. @throws ValueError unless the seed is a whole number from 0 to 2⁵³ − 1 */
  seed(seed: number): this {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new ValueError({
        op: 'manualSeed',
        rule: 'a seed is a whole number from 0 to 2^53 - 1',
        got: `${seed}`,
      })
    this.setState([seed | 0, Math.floor(seed / 2 ** 32) | 0, 0])
    return this
  }

  /** Key low, key high, draws: all there is to know, for checkpoints. */
  getState(): number[] {
    return [...(this.held ? (this.held.toTypedArray() as Int32Array) : this.words)]
  }
  setState(words: readonly number[]): void {
    if (this.held) this.held.storage!.write(Int32Array.from(words), this.held.offset)
    else this.words = Int32Array.from(words)
  }

  /** The state as the tensor that operations read. */
  private get state(): Tensor {
    const backend = state.backend()
    if (!this.held || this.held.storage!.backend !== backend) {
      // The state is a fact, not a value of a program that is being traced.
      const words = withState('recorder', undefined, () => Int32Array.from(this.getState()))
      // Not part of a surrounding `tidy`.
      const scope = state.scope
      state.scope = undefined
      this.held = fromData(words, [3], 'int32', backend)
      state.scope = scope
    }
    return this.held
  }

  /** Random int32 bits of a shape. Each draw is a block of its own, whatever its size. */
  bits(shape: Shape): Tensor {
    return this.draw((now) => randomBits(now, shape))
  }

  /** What `f` makes of the state at this draw. */
  draw(f: (state: Tensor) => Tensor): Tensor {
    return noGrad(() => {
      if (state.replay) return f(drawn(() => this.snapshot(), state.replay))
      const held = this.state
      const made = f(held)
      this.advance(held)
      return made
    })
  }

  /** The state at this draw as a tensor of its own; the next draw is another. */
  private snapshot(): Tensor {
    const held = this.state
    const now = state.recorder
      ? tracedTensor(nodeOf(held), state.recorder)
      : withState('scope', undefined, () =>
          fromData(Int32Array.from(this.getState()), [3], 'int32', held.backend),
        )
    this.advance(held)
    return now
  }
  private advance(held: Tensor): void {
    if (state.recorder) assign(held, add(held, toType(eq(coordinates(held, 0), 2), 'int32')))
    else {
      const at = held.offset + 2
      held.storage!.fill(held.storage!.readNow(at, 1)[0]! + 1, at, 1)
    }
  }
}

/** The generator that is used when none is given. */
export const defaultGenerator = new Generator(0)
/** Seeds the default generator. */
export function manualSeed(seed: number): void {
  defaultGenerator.seed(seed)
}

let current = defaultGenerator
/** Runs `f` with another generator as the default one. */
export function withGenerator<T>(generator: Generator, f: () => T): T {
  const before = current
  current = generator
  try {
    return ended('withGenerator', f())
  } finally {
    current = before
  }
}

export interface RandomOptions extends TensorOptions {
  generator?: Generator
}

function done(t: Tensor, { dtype, requiresGrad }: TensorOptions): Tensor {
  const typed = dtype ? toType(t, dtype) : t
  return requiresGrad ? setRequiresGrad(typed, true) : typed
}
const randomNames: OptionNames<RandomOptions> = { dtype: true, requiresGrad: true, generator: true }
/** The generator that the options name. @throws ValueError for an option that is not known */
function source(op: string, options: RandomOptions): Generator {
  const { generator } = checkOptions(op, options, randomNames)
  if (generator && !(generator instanceof Generator))
    throw new ValueError({ op, rule: 'generator must be a Generator', got: showValue(generator) })
  return generator ?? current
}

/** Uniform numbers in [lo, hi). @example uniform([2], 0, 1).shape // [2] */
export function uniform(shape: Shape, lo = 0, hi = 1, options: RandomOptions = {}): Tensor {
  return noGrad(() => {
    return done(
      source('uniform', options).draw((now) => randomUniform(now, shape, lo, hi)),
      options,
    )
  })
}
/** Uniform numbers in [0, 1); the extents may be a list or come one by one. @example rand(2, 3).shape // [2, 3] */
export function rand(...args: ShapeThen<RandomOptions>): Tensor {
  const [shape, options] = readShape('rand', args)
  return uniform(shape, 0, 1, options)
}
/**
 * Normal numbers, z · std + mean: of a shape, or of the shape to which mean and std broadcast when one of them is a tensor;
 * gradients then go to neither, as in PyTorch.
 * @throws ValueError for a negative deviation
 * @example normal([2], 0, 1).shape // [2]
 */
export function normal(shape: Shape, mean?: number, std?: number, options?: RandomOptions): Tensor
export function normal(mean: Tensor, std?: Tensor | number, options?: RandomOptions): Tensor
export function normal(mean: number, std: Tensor, options?: RandomOptions): Tensor
export function normal(
  a: Shape | Tensor | number,
  b: Tensor | number = a instanceof Tensor ? 1 : 0,
  c?: number | RandomOptions,
  d?: RandomOptions,
): Tensor {
  // Two numbers are no mean and deviation: those need a shape.
  const listed = !(a instanceof Tensor) && !(b instanceof Tensor)
  if (listed) checkShape('normal', a as Shape)
  const [mean, std] = listed
    ? [b as number, (c as number | undefined) ?? 1]
    : [a as Tensor | number, b]
  const options = (listed ? d : (c as RandomOptions | undefined)) ?? {}
  if (typeof std === 'number' && !(std >= 0))
    throw new ValueError({ op: 'normal', rule: 'std must be 0 or more', got: `${std}` })
  const shapeOf = (v: Tensor | number) => (typeof v === 'number' ? [] : v.shape)
  const shape = listed ? (a as Shape) : broadcastShapes('normal', shapeOf(mean), shapeOf(std))
  return noGrad(() => {
    const z = bitsToNormal(source('normal', options).bits([2, ...shape]))
    return done(mean === 0 && std === 1 ? z : add(mul(z, std), mean), options)
  })
}
/** Standard normal numbers; the extents may be a list or come one by one. @example randn(2, 3).shape // [2, 3] */
export function randn(...args: ShapeThen<RandomOptions>): Tensor {
  const [shape, options] = readShape('randn', args)
  return normal(shape, 0, 1, options)
}
/** 1 with probability p (a number, or a tensor of probabilities), else 0, as float32. */
export function bernoulli(p: Tensor, options?: RandomOptions): Tensor
export function bernoulli(p: number, shape: Shape, options?: RandomOptions): Tensor
export function bernoulli(
  p: Tensor | number,
  a?: Shape | RandomOptions,
  b: RandomOptions = {},
): Tensor {
  const fixed = typeof p === 'number'
  const options = fixed ? b : ((a ?? {}) as RandomOptions)
  const shape = fixed ? (a as Shape) : p.shape
  return noGrad(() =>
    done(
      toType(lt(uniform(shape, 0, 1, { generator: source('bernoulli', options) }), p), 'float32'),
      options,
    ),
  )
}
/** Whole numbers in [lo, hi), int32. @throws ValueError unless lo < hi */
export function randint(lo: number, hi: number, shape: Shape, options: RandomOptions = {}): Tensor {
  if (!(Number.isInteger(lo) && Number.isInteger(hi) && lo < hi && hi - lo < 2 ** 31))
    throw new ValueError({
      op: 'randint',
      rule: 'lo and hi must be whole numbers, lo < hi',
      got: `${lo} and ${hi}`,
    })
  return noGrad(() =>
    done(add(remainder(source('randint', options).bits(shape), hi - lo), lo), options),
  )
}
/** 0 to n − 1 in random order, int32. */
export function permutation(n: number, options: RandomOptions = {}): Tensor {
  return done(argsort(source('permutation', options).bits([n])), options)
}
/**
 * `count` indices of the last axis, drawn by weight, int32.
 * @throws ValueError when more are asked for than there are without replacement
 */
export function multinomial(
  weights: Tensor,
  count: number,
  options?: boolean | (RandomOptions & { replacement?: boolean }),
): Tensor {
  const axis = normAxis('multinomial', -1, weights.rank)
  const n = weights.shape[axis] ?? 1
  if (weights.rank < 1 || weights.rank > 2)
    throw new ShapeError({
      op: 'multinomial',
      rule: 'weights have one or two axes',
      got: show(weights.shape),
    })
  const { replacement = false, ...drawn } = readOptions<RandomOptions & { replacement?: boolean }>(
    'multinomial',
    [options],
    { replacement: kinds.flag },
    { generator: kinds.any },
  )
  if (!replacement && count > n)
    throw new ValueError({
      op: 'multinomial',
      rule: `at most ${n} draws without replacement`,
      got: `${count}`,
    })
  // Without replacement an index of weight 0 cannot come, so that there must be enough others (NumPy's rule).
  if (!replacement && weights.storage && !state.recorder) {
    const data = weights.toTypedArray()
    for (let row = 0; row < data.length; row += n) {
      let some = 0
      for (let i = row; i < row + n; i++) if (data[i]! > 0) some++
      if (some < count)
        throw new ValueError({
          op: 'multinomial',
          rule: `${count} draws without replacement need as many weights above 0`,
          got: `${some}`,
        })
    }
  }
  return noGrad(() => {
    if (replacement) {
      const running = cumsum(weights, axis)
      const total = sum(weights, axis, { keepdim: true })
      const u = uniform([...weights.shape.slice(0, -1), count], 0, 1, {
        generator: source('multinomial', drawn),
      })
      const places = searchsorted(running, mul(u, total), { right: true })
      return places
    }
    // The k largest of w/e with exponential e are a draw without replacement (Efraimidis and Spirakis, 2006).
    const u = uniform(weights.shape, 0, 1, { generator: source('multinomial', drawn) })
    const exponential = neg(log(sub(1, u)))
    return topk(div(weights, add(exponential, 1e-20)), count)[1]
  })
}
