/** Averages of weights over the steps of a training. */
import { type Compiled, compile } from '../compile/compile.js'
import { isFloat } from '../core/dtype.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { add, div, mul, sub, where } from '../ops/arithmetic.js'
import { assign } from '../ops/assign.js'
import { eq } from '../ops/compare.js'
import { toType } from '../ops/define.js'
import { minimum } from '../ops/elementwise.js'
import { noGrad, state } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { full } from '../tensor/creation.js'
import { copy } from './copy.js'
import { Module } from './module.js'

/**
 * The new average of one tensor, from the average, the tensor of now and the number of updates before (a float32 tensor
 * of one value, since it counts inside of compiled steps).
 */
export type AverageFunction = (averaged: Tensor, current: Tensor, nAveraged: Tensor) => Tensor
/** The same for all parameters at once, in the model's order. */
export type MultiAverageFunction = (
  averaged: readonly Tensor[],
  current: readonly Tensor[],
  nAveraged: Tensor,
) => readonly Tensor[]

/**
 * The plain mean of all updates: avg ← avg + (w − avg)/(n + 1) (stochastic weight averaging, Izmailov et al., 2018,
 * https://arxiv.org/abs/1803.05407).
 * @example getSwaAvgFn()(tensor([2]), tensor([5]), tensor(2)) // [3]
 */
export const getSwaAvgFn = (): AverageFunction => (averaged, current, n) =>
  add(averaged, div(sub(current, averaged), add(n, 1)))

/**
 * The exponential moving average avg ← d · avg + (1 − d) · w. With `warmup`, d is at most (1 + n)/(10 + n), so that the
 * first weights are soon forgotten (TensorFlow's ExponentialMovingAverage).
 * @throws ValueError unless 0 ≤ decay ≤ 1
 * @example getEmaAvgFn(0.75)(tensor([4]), tensor([8]), tensor(3)) // [5]
 */
export function getEmaAvgFn(decay = 0.999, options: { warmup?: boolean } = {}): AverageFunction {
  const { warmup = false } = checkOptions('getEmaAvgFn', options, ['warmup'])
  if (typeof decay !== 'number' || !(decay >= 0 && decay <= 1))
    throw new ValueError({
      op: 'getEmaAvgFn',
      rule: 'decay must lie from 0 to 1',
      got: showValue(decay),
    })
  return (averaged, current, n) => {
    const d = warmup ? minimum(div(add(n, 1), add(n, 10)), decay) : decay
    return add(averaged, mul(sub(current, averaged), sub(1, d)))
  }
}
const ofAll =
  (one: AverageFunction): MultiAverageFunction =>
  (averaged, current, n) =>
    averaged.map((t, i) => one(t, current[i]!, n))
/** `getSwaAvgFn` for all parameters at once, for `multiAvgFn`. */
export const getSwaMultiAvgFn = (): MultiAverageFunction => ofAll(getSwaAvgFn())
/** `getEmaAvgFn` for all parameters at once, for `multiAvgFn`. */
export const getEmaMultiAvgFn = (
  decay = 0.999,
  options: { warmup?: boolean } = {},
): MultiAverageFunction => ofAll(getEmaAvgFn(decay, options))

export interface AveragedModelOptions {
  /** The average of one tensor; without any of the two, the plain mean of all updates. */
  avgFn?: AverageFunction | null
  /** The average of all tensors at once. */
  multiAvgFn?: MultiAverageFunction | null
  /** Averages floating buffers (running statistics) too; otherwise they are copied at each update. */
  useBuffers?: boolean
}
const names: OptionNames<AveragedModelOptions> = { avgFn: true, multiAvgFn: true, useBuffers: true }

/** The update of an averaged model as a program, and the tensors that it is of: no field, which would make them its own. */
const programs = new WeakMap<Module, { of: readonly Tensor[]; run: Compiled<[], void> }>()

/**
 * A copy of a model whose weights follow an average of those that it is shown: the plain mean (`getSwaAvgFn`), an
 * exponential moving average (`getEmaMultiAvgFn`) or one of your own. The first update copies the weights. It is a module:
 * it is called, saved and loaded like any other. PyTorch: torch.optim.swa_utils.AveragedModel.
 *
 *     const average = new AveragedModel(model, { multiAvgFn: getEmaMultiAvgFn(0.999) })
 *     ...; optimizer.step(); average.updateParameters(model)
 *     average.eval().forward(x)
 * @throws ValueError for two functions, or for what is no model
 */
export class AveragedModel<
  M extends Module & { forward(...inputs: never[]): unknown } = Module,
> extends Module {
  /** The model with the average. */
  readonly module: M
  /** How many updates there have been, int32. */
  nAveraged: Tensor
  useBuffers: boolean
  private readonly multiAvgFn: MultiAverageFunction
  constructor(model: M, options: AveragedModelOptions = {}) {
    super()
    const op = 'AveragedModel'
    if (!(model instanceof Module))
      throw new ValueError({
        op,
        rule: 'the first argument must be a model',
        got: showValue(model),
      })
    const { avgFn, multiAvgFn, useBuffers = false } = checkOptions(op, options, names)
    if (avgFn && multiAvgFn)
      throw new ValueError({ op, rule: 'one of avgFn and multiAvgFn may be given', got: 'both' })
    for (const f of [avgFn, multiAvgFn])
      if (f && typeof f !== 'function')
        throw new ValueError({
          op,
          rule: 'an average is a function',
          got: showValue(f),
          fix: 'getEmaMultiAvgFn(0.999) makes one.',
        })
    this.multiAvgFn = multiAvgFn ?? ofAll(avgFn ?? getSwaAvgFn())
    this.module = copy(model).requireGrad(false)
    this.nAveraged = this.registerBuffer('nAveraged', full([], 0, { dtype: 'int32' }))
    this.useBuffers = useBuffers
  }

  /** Pairs of tensors of the average and of the model. @throws ShapeError, ValueError unless the parts are the same */
  private pairs(model: M): [own: Tensor, now: Tensor][] {
    const other = new Map([...model.namedParameters(), ...model.namedBuffers()])
    const op = 'AveragedModel.updateParameters'
    return [...this.module.namedParameters(), ...this.module.namedBuffers()].map(([name, t]) => {
      const now = other.get(name)
      if (!now) throw new ValueError({ op, rule: `the model must have ${name}` })
      if (!sameShape(now.shape, t.shape))
        throw new ShapeError({ op, rule: `${name} must be [${t.shape}]`, got: `[${now.shape}]` })
      return [t, now]
    })
  }
  /** Every new value follows from what was before, so that all are computed before any is written. */
  private move(pairs: readonly [own: Tensor, now: Tensor][]): void {
    noGrad(() => {
      const parameters = new Set<Tensor>(this.module.parameters())
      const averaged = pairs.filter(
        ([t]) => isFloat(t.dtype) && (parameters.has(t) || this.useBuffers),
      )
      const own = averaged.map(([t]) => t)
      const current = averaged.map(([, now]) => now.detach())
      const next = this.multiAvgFn(own, current, toType(this.nAveraged, 'float32'))
      const first = eq(this.nAveraged, 0)
      const values = new Map(
        own.map((t, i) => [t, where(first, current[i]!, toType(next[i]!, t.dtype))]),
      )
      for (const [t, now] of pairs) assign(t, values.get(t) ?? now)
      assign(this.nAveraged, add(this.nAveraged, 1))
    })
  }

  /**
   * Takes the model's weights of now into the average. In a compiled step it is part of the program.
   * @throws ShapeError, ValueError when the model is not of the same parts
   */
  updateParameters(model: M): void {
    const pairs = this.pairs(model)
    if (state.recorder) {
      this.move(pairs)
      return
    }
    const of = pairs.flat()
    let program = programs.get(this)
    if (!program || of.some((t, i) => t !== program!.of[i])) {
      program?.run.free()
      program = { of, run: compile(() => this.move(pairs)) }
      programs.set(this, program)
    }
    program.run()
  }
  override forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return (this.module.forward as (...all: unknown[]) => ReturnType<M['forward']>)(...inputs)
  }
}
