/** The average of the weights over the steps of training, which often tests better than the last weights. */
import { compile, type Compiled } from '../compile/compile.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, showValue } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { minimum } from '../ops/elementwise.js'
import { assign } from '../ops/assign.js'
import { fromData, Tensor } from '../ops/tensor.js'
import { noGrad, state } from '../ops/state.js'
import { toBackend } from '../tensor/creation.js'

export interface AverageOptions {
  /** β: how much of the average stays at an update. */
  decay?: number
  /** β is at most (1 + t)/(10 + t) after t updates, so that the first weights are soon forgotten. */
  warmup?: boolean
}

/**
 * An exponential moving average of parameters: θ̄ ← β θ̄ + (1 − β) θ with every `update`, which belongs after the step of
 * the optimizer, in a compiled step or outside. `apply` writes the averages into the parameters, `restore` writes the original values back.
 * Polyak and Juditsky, 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage.
 * @throws ValueError without parameters, and unless decay is from 0 to 1
 * @example new optim.ExponentialMovingAverage([tensor([1, 2])], { decay: 0.75 }).averages[0] // [1, 2]
 */
export class ExponentialMovingAverage {
  readonly params: readonly Tensor[]
  /** The averages, in the order of the parameters. */
  readonly averages: readonly Tensor[]
  private readonly count: Tensor
  private readonly decay: number
  private readonly warmup: boolean
  private kept: Tensor[] | undefined
  private readonly program: Compiled<[], void>

  constructor(params: readonly Tensor[], options: AverageOptions = {}) {
    const op = 'ExponentialMovingAverage'
    const { decay = 0.999, warmup = false } = checkOptions(op, options, ['decay', 'warmup'])
    if (!Array.isArray(params) || params.length === 0 || !params.every((p) => p instanceof Tensor))
      throw new ValueError({
        op,
        rule: 'parameters are a list of tensors',
        got: showValue(params),
        fix: 'Pass model.parameters().',
      })
    if (!(decay >= 0 && decay <= 1))
      throw new ValueError({ op, rule: 'decay must be from 0 to 1', got: showValue(decay) })
    this.params = [...params]
    this.averages = copies(params)
    this.count = fromData(Float32Array.of(0), [], 'float32', params[0]!.backend)
    this.decay = decay
    this.warmup = warmup
    this.program = compile(() => this.move())
  }

  private move(): void {
    noGrad(() => {
      const t = add(this.count, 1)
      assign(this.count, t)
      const beta = this.warmup ? minimum(this.decay, div(add(t, 1), add(t, 10))) : this.decay
      const rest = typeof beta === 'number' ? 1 - beta : sub(1, beta)
      this.averages.forEach((own, i) => {
        assign(own, add(mul(own, beta), mul(this.params[i]!.detach(), rest)))
      })
    })
  }
  /** Updates the averages with the current values. @throws ValueError while the parameters hold the averages */
  update(): void {
    if (this.kept)
      throw new ValueError({
        op: 'ExponentialMovingAverage.update',
        rule: 'the parameters must have their own values',
        got: 'the average, since apply()',
        fix: 'Call restore() before training goes on.',
      })
    if (state.recorder) this.move()
    else this.program()
  }
  /** Writes the averages into the parameters, until `restore`. */
  apply(): void {
    if (this.kept) return
    this.kept = copies(this.params)
    put(this.params, this.averages)
  }
  /** Writes back the values that the parameters had before `apply`. */
  restore(): void {
    if (this.kept) put(this.params, this.kept)
    this.kept = undefined
  }

  /** The averages and the number of updates, for checkpoints. The tensors are its own, not copies. */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries([
      ['count', this.count],
      ...this.averages.map((t, i): [string, Tensor] => [`${i}`, t]),
    ])
  }
  /** @throws ValueError or ShapeError for averages of other parameters; nothing is changed then */
  loadStateDict(saved: Readonly<Record<string, Tensor>>): void {
    const op = 'ExponentialMovingAverage.loadStateDict'
    const own = this.stateDict()
    if (`${Object.keys(own).sort()}` !== `${Object.keys(saved ?? {}).sort()}`)
      throw new ValueError({
        op,
        rule: `the averages must be of ${this.params.length} parameters`,
        got: Object.keys(saved ?? {}).join(', ') || 'nothing',
      })
    for (const [name, t] of Object.entries(own)) {
      const v = saved[name]
      if (!(v instanceof Tensor) || v.dtype !== t.dtype || !sameShape(v.shape, t.shape))
        throw new ShapeError({
          op,
          rule: `average ${name} must be ${t.dtype} ${show(t.shape)}`,
          got: v instanceof Tensor ? `${v.dtype} ${show(v.shape)}` : showValue(v),
        })
    }
    const names = Object.keys(own)
    put(
      names.map((n) => own[n]!),
      names.map((n) => saved[n]!),
    )
  }
}
const copies = (list: readonly Tensor[]): Tensor[] =>
  noGrad(() => list.map((t) => t.detach().clone()))
function put(tensors: readonly Tensor[], values: readonly Tensor[]): void {
  noGrad(() => {
    tensors.forEach((t, i) => {
      assign(t, toBackend(values[i]!, t.backend))
    })
  })
}
