/** Limited-memory BFGS: whole batches, curvature from the last gradients, a line search. */
import { reshape, sum } from '../ops/broadcast.js'
import { add, mul, sub, neg } from '../ops/arithmetic.js'
import { TraceError, ValueError } from '../core/errors.js'
import { assign } from '../ops/assign.js'
import { abs } from '../ops/functions.js'
import { concat } from '../ops/join.js'
import { amax } from '../ops/reduce.js'
import { narrow } from '../ops/slice.js'
import { runPending } from '../ops/pending.js'
import type { Tensor } from '../ops/tensor.js'
import { zerosLike } from '../tensor/creation.js'
import { type Loss, strongWolfe } from './lineSearch.js'
import { noGrad, state, withState } from '../ops/state.js'
import { Optimizer, type OptimizerOptions, type OptimizerState } from './optimizer.js'

export interface LBFGSOptions extends OptimizerOptions {
  /** Iterations of one step. */
  maxIter?: number
  /** Evaluations of one step; null: 1.25 maxIter. */
  maxEval?: number | null
  /** Ends when no gradient is larger. */
  toleranceGrad?: number
  /** Ends when loss or parameters change less. */
  toleranceChange?: number
  /** How many pairs of differences are stored. */
  historySize?: number
  lineSearchFn?: 'strongWolfe' | null
}
type Options = Required<LBFGSOptions>

const dot = (a: Tensor, b: Tensor) => sum(mul(a, b)).item()
const largest = (a: Tensor) => amax(abs(a)).item()
const allFinite = (a: Tensor) => Number.isFinite(largest(a))

/** The state that is carried from step to step. */
interface Memory {
  /** Differences of gradients and of positions, and 1/(y·s). */
  y: Tensor[]
  s: Tensor[]
  rho: number[]
  gamma: number
  direction: Tensor | null
  before: Tensor | null
  t: number
  loss: number
  iterations: number
}

/**
 * d = −H g by the two-loop recursion, p ← p + t d. `step(closure)` makes up to maxIter iterations; the closure clears
 * the gradients, computes the loss and calls `backward` (it may be compiled, with `keepGrads`). One group of parameters.
 * Nocedal and Wright, 2006, algorithms 7.4 and 3.5; tolerances and first step as in PyTorch.
 * @throws ValueError without a closure or with several groups; TraceError inside of compile, since it looks at values
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  override readonly needsClosure = true
  private memory: Memory = empty()

  constructor(params: readonly Tensor[], options: Partial<LBFGSOptions> = {}) {
    super(params, options, {
      lr: 1,
      maxIter: 20,
      maxEval: null,
      toleranceGrad: 1e-7,
      toleranceChange: 1e-9,
      historySize: 100,
      lineSearchFn: null,
      maximize: false,
    })
  }
  override addParamGroup(group: Parameters<Optimizer<LBFGSOptions>['addParamGroup']>[0]): void {
    if (this.groups.length > 0)
      throw new ValueError({ op: 'LBFGS', rule: 'there can be one group of parameters only' })
    super.addParamGroup(group)
  }
  protected init(): never {
    throw new ValueError({ op: 'LBFGS', rule: 'the state is one for all parameters' })
  }
  protected update(): never {
    return this.init()
  }

  private get params(): Tensor[] {
    return this.groups[0]!.params
  }
  private flatGrad(): Tensor {
    return concat(
      this.params.map((p) => reshape(p.grad ?? zerosLike(p, { requiresGrad: false }), [p.size])),
      0,
    )
  }
  private move(t: number, d: Tensor, from?: readonly Tensor[]): void {
    let at = 0
    this.params.forEach((p, i) => {
      const part = reshape(narrow(d, 0, at, p.size), p.shape)
      assign(p, add(from?.[i] ?? p, mul(part, t)))
      at += p.size
    })
  }

  /** The loss at the start of the step. */
  override step(closure?: () => Tensor): Tensor {
    if (!closure)
      throw new ValueError({
        op: 'LBFGS.step',
        rule: 'a closure that computes the loss and its gradients is needed',
        fix: 'optimizer.step(() => { optimizer.zeroGrad(); const l = loss(); l.backward(); return l })',
      })
    if (state.recorder)
      throw new TraceError({
        op: 'LBFGS.step',
        rule: 'its iterations depend on values, which do not exist while compile traces',
        fix: 'Compile the closure, with { keepGrads: true }, and call step outside.',
      })
    const o = this.groups[0]!.options as Options
    const sign = o.maximize ? -1 : 1
    const evaluate = (): Loss & { tensor: Tensor } => {
      const tensor = withState('gradEnabled', true, closure)
      const grad = noGrad(() => (sign < 0 ? neg(this.flatGrad()) : this.flatGrad()))
      return { value: sign * tensor.item(), grad, tensor }
    }
    runPending()
    const first = evaluate()
    if (this.params.every((p) => !p.grad)) throw this.withoutGradients()
    const { memory } = this
    const kept = { ...memory, y: [...memory.y], s: [...memory.s], rho: [...memory.rho] }
    const from = this.params.map((p) => p.detach().clone())
    if (allFinite(first.grad)) {
      noGrad(() => this.iterate(o, first, evaluate))
      if (this.params.every(allFinite)) return first.tensor
    }
    this.memory = kept
    noGrad(() => {
      this.params.forEach((p, i) => {
        assign(p, from[i]!)
      })
    })
    throw this.notFinite(this.params.find((p) => p.grad && !allFinite(p.grad)))
  }

  private iterate(o: Options, start: Loss, evaluate: () => Loss): void {
    const m = this.memory
    const most = o.maxEval ?? Math.floor(o.maxIter * 1.25)
    let { value: loss, grad } = start
    let evaluations = 1
    if (largest(grad) <= o.toleranceGrad) return
    for (let n = 1; n <= o.maxIter; n++) {
      m.iterations++
      const d = this.direct(grad, o.historySize)
      m.before = grad
      m.loss = loss
      const slope = dot(grad, d)
      const unit = m.iterations === 1 ? Math.min(1, 1 / sum(abs(grad)).item()) : 1
      m.t = unit * o.lr
      if (slope > -o.toleranceChange) break
      let used = 0
      if (o.lineSearchFn === 'strongWolfe') {
        const from = this.params.map((p) => p.detach().clone())
        const found = strongWolfe(
          (t) => {
            this.move(t, d, from)
            const at = evaluate()
            this.move(0, d, from)
            return at
          },
          { t: m.t, d, start: { value: loss, grad }, slope, toleranceChange: o.toleranceChange },
        )
        m.t = found.t
        loss = found.loss.value
        grad = found.loss.grad
        used = found.evaluations
        this.move(m.t, d, from)
      } else {
        this.move(m.t, d)
        if (n < o.maxIter) {
          const at = evaluate()
          loss = at.value
          grad = at.grad
          used = 1
        }
      }
      evaluations += used
      if (n === o.maxIter || evaluations >= most) break
      if (largest(grad) <= o.toleranceGrad) break
      if (largest(mul(d, m.t)) <= o.toleranceChange) break
      if (Math.abs(loss - m.loss) < o.toleranceChange) break
    }
  }

  /** The direction from the gradient and the memory, which takes in the last move first. */
  private direct(grad: Tensor, historySize: number): Tensor {
    const m = this.memory
    if (!m.direction || !m.before) {
      m.direction = neg(grad)
      return m.direction
    }
    const y = sub(grad, m.before)
    const s = mul(m.direction, m.t)
    const ys = dot(y, s)
    if (ys > 1e-10) {
      m.y.push(y)
      m.s.push(s)
      m.rho.push(1 / ys)
      m.gamma = ys / dot(y, y)
      for (const list of [m.y, m.s, m.rho]) if (list.length > historySize) list.shift()
    }
    let q = neg(grad)
    const alpha: number[] = []
    for (let i = m.y.length - 1; i >= 0; i--) {
      alpha[i] = dot(m.s[i]!, q) * m.rho[i]!
      q = sub(q, mul(m.y[i]!, alpha[i]!))
    }
    let r = mul(q, m.gamma)
    for (let i = 0; i < m.y.length; i++) {
      const beta = dot(m.y[i]!, r) * m.rho[i]!
      r = add(r, mul(m.s[i]!, alpha[i]! - beta))
    }
    m.direction = r
    return r
  }

  override stateDict(): OptimizerState<Options> {
    const m = this.memory
    const tensors: Record<string, Tensor> = {}
    m.y.forEach((t, i) => {
      tensors[`y.${i}`] = t
      tensors[`s.${i}`] = m.s[i]!
    })
    if (m.direction) tensors.direction = m.direction
    if (m.before) tensors.before = m.before
    const { rho, gamma, t, loss, iterations } = m
    const groups = super.stateDict().groups.map((g) => ({
      ...g,
      memory: { rho: [...rho], gamma, t, loss, iterations },
    }))
    return { tensors, groups }
  }
  override prepareStateDict(saved: OptimizerState<Options>): () => void {
    const op = 'LBFGS.loadStateDict'
    const { memory } = (saved.groups?.[0] ?? {}) as { memory?: Omit<Memory, 'y' | 's'> }
    const numbers = [memory?.gamma, memory?.t, memory?.loss, memory?.iterations]
    if (
      !memory ||
      !Array.isArray(memory.rho) ||
      ![...memory.rho, ...numbers].every((v) => typeof v === 'number')
    )
      throw new ValueError({ op, rule: 'the state must be that of an LBFGS optimizer' })
    const own = super.prepareStateDict({ tensors: {}, groups: saved.groups })
    const size = this.params.reduce((n, p) => n + p.size, 0)
    const copy = (t: Tensor | undefined) => {
      if (t && t.size !== size)
        throw new ValueError({
          op,
          rule: `the state must be of ${size} parameters`,
          got: `${t.size}`,
        })
      return t ? t.detach().clone() : null
    }
    const { tensors } = saved
    const list = (name: string) =>
      memory.rho.map((_, i) => {
        const t = copy(tensors[`${name}.${i}`])
        if (!t) throw new ValueError({ op, rule: `the state must hold ${name}.${i}`, got: 'none' })
        return t
      })
    const { rho, gamma, t, loss, iterations } = memory
    const loaded: Memory = {
      rho: [...rho],
      gamma,
      t,
      loss,
      iterations,
      y: list('y'),
      s: list('s'),
      direction: copy(tensors.direction),
      before: copy(tensors.before),
    }
    return () => {
      own()
      this.memory = loaded
    }
  }
}

function empty(): Memory {
  return {
    y: [],
    s: [],
    rho: [],
    gamma: 1,
    direction: null,
    before: null,
    t: 0,
    loss: 0,
    iterations: 0,
  }
}
