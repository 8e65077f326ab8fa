import { compile, type Compiled } from '../compile/compile.js'
import { GradError, show, TrainingError, ValueError } from '../core/errors.js'
import { extras } from '../core/extras.js'
import { checkOptions, readArguments, showValue } from '../core/options.js'
import { assign } from '../ops/assign.js'
import { eq } from '../ops/compare.js'
import { remember } from '../ops/conditional.js'
import { nameOf } from '../ops/names.js'
import { addPending, removePending, runPending } from '../ops/pending.js'
import { fromData, Tensor } from '../ops/tensor.js'
import { full, zerosLike } from '../tensor/creation.js'
import { add, mul, where, neg } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { ended, afterRun, guard, noGrad, state, withState } from '../ops/state.js'
import {
  defined,
  type Group,
  type OptimizerOptions,
  type OptimizerState,
  outside,
  type ParamGroup,
  type Params,
  read,
  type State,
  Step,
  write,
} from './group.js'
import { checkHyperparameters } from './options.js'
import { type Loadable, prepareState } from './saved.js'

export {
  type Group,
  type Hyperparameters,
  type OptimizerOptions,
  type OptimizerState,
  type ParamGroup,
  type Params,
  type State,
  Step,
} from './group.js'

/**
 * Base of all optimizers. One is written for one tensor: `init` creates its state, `update` returns its new value.
 * Eagerly a whole step is one program; inside of `compile` it becomes part of the traced one.
 */
export abstract class Optimizer<O extends OptimizerOptions = OptimizerOptions> {
  readonly groups: Group<Required<O>>[] = []
  readonly state = new Map<Tensor, State>()
  private readonly defaults: Required<O>
  /** Does `step` need a closure that computes the loss? Of optimizers that do so several times. */
  readonly needsClosure: boolean = false
  private readonly program: Compiled<[when?: Tensor], void>

  /** `defaults` names every option that the optimizer has. */
  constructor(params: Params<O>, options: Partial<O>, defaults: Required<O>) {
    const names = Object.keys(defaults).filter((name) => name !== 'lr')
    const given = readArguments(this.constructor.name, [options], ['lr'], 0, names as never)
    this.defaults = { ...defaults, ...defined(given as Partial<O>) }
    checkHyperparameters(this.constructor.name, this.defaults, defaults)
    if (!Array.isArray(params))
      throw new ValueError({
        op: this.constructor.name,
        rule: 'parameters are a list of tensors, or of groups { params, ...options }',
        got: showValue(params),
        fix: 'Pass model.parameters().',
      })
    if (params.length === 0)
      throw new ValueError({
        op: this.constructor.name,
        rule: 'there must be parameters',
        fix: 'Pass model.parameters().',
      })
    const groups =
      'params' in params[0]!
        ? (params as readonly ParamGroup<O>[])
        : [{ params: params as readonly Tensor[] } as ParamGroup<O>]
    for (const g of groups) this.addParamGroup(g)
    this.program = compile((when?: Tensor) => this.moveAll(when))
  }

  /**
   * More parameters, with options of their own; the rest are those given at the start.
   * @throws ValueError for a parameter that is here already or an option that does not exist; GradError for a result
   */
  addParamGroup({ params, ...own }: ParamGroup<O>): void {
    const op = this.constructor.name
    const options = { ...this.defaults, ...defined(own as unknown as Partial<O>) }
    checkHyperparameters(op, options, this.defaults)
    this.checkGroup(options)
    const seen = new Set(this.allParams)
    if (!Array.isArray(params) || !params.every((p) => p instanceof Tensor))
      throw new ValueError({
        op,
        rule: 'the parameters of a group are a list of tensors',
        got: showValue(params),
        fix: 'Pass model.parameters().',
      })
    for (const p of params) {
      if (p.gradNode)
        throw new GradError({
          op,
          rule: 'only leaves can be trained',
          got: 'the result of an operation',
        })
      if (seen.has(p)) throw new ValueError({ op, rule: 'a parameter may be in one group, once' })
      seen.add(p)
    }
    const rate = this.scalar(options.lr, params)
    const group = {
      params: [...params],
      options,
      rate,
      hyperparameters: {},
      cohorts: [],
      layout: 0,
    }
    this.groups.push(group)
  }

  /** Rules that options of a group must keep together. @throws ValueError */
  protected checkGroup(_options: Required<O>): void {}
  /** The state that a parameter starts with; zeros of its shape are the usual kind. */
  protected abstract init(p: Tensor, options: Required<O>): State
  /** The new value; writes its state by `assign`. */
  protected abstract update(
    p: Tensor,
    g: Tensor,
    s: State,
    options: Required<O>,
    step: Step,
  ): Tensor

  /**
   * The class, when its update depends on nothing but the values and types of what it is given, so that it is traced for
   * one parameter and not for each. Classes derived from it may be otherwise.
   */
  declare readonly alike: unknown

  /** The parameters of all groups. */
  private get allParams(): Tensor[] {
    return this.groups.flatMap((g) => g.params)
  }
  private scalar(value: number, params: readonly Tensor[]): Tensor {
    return outside(() => fromData(Float32Array.of(value), [], 'float32', params[0]?.backend))
  }

  /** The learning rate of the first group. Setting it sets that of all groups. */
  get lr(): number {
    return this.groups[0]!.options.lr
  }
  set lr(value: number) {
    for (const g of this.groups) this.setLr(g, value)
  }
  /** @throws ValueError unless the rate is a finite number from 0 up */
  setLr(group: Group<Required<O>>, value: number): void {
    checkHyperparameters(this.constructor.name, { lr: value }, this.defaults)
    group.options.lr = value
    write(group.rate, value)
  }

  /** The momentum of a group, or the first beta, which is the same for Adam and its kin; undefined if it has none. */
  momentumOf(group: Group<Required<O>>): number | undefined {
    const { betas, momentum } = group.options as { betas?: readonly number[]; momentum?: number }
    return betas ? betas[0] : momentum
  }
  /** Changes it; programs read it as a tensor from the first change on. @throws ValueError if there is none */
  setMomentum(group: Group<Required<O>>, value: number): void {
    const options = group.options as { betas?: readonly number[]; momentum?: number }
    // Without momentum at the start there is no state for it.
    if (!options.betas && !options.momentum)
      throw new ValueError({
        op: this.constructor.name,
        rule: 'a momentum that changes needs an optimizer with momentum',
        fix: 'Give it momentum or betas, or pass { cycleMomentum: false } to the schedule.',
      })
    if (options.betas) options.betas = [value, ...options.betas.slice(1)]
    else options.momentum = value
    const name = options.betas ? 'beta1' : 'momentum'
    const scheduled = group.hyperparameters[name]
    if (scheduled) write(scheduled, value)
    else group.hyperparameters[name] = this.scalar(value, group.params)
  }

  zeroGrad(): void {
    for (const g of this.groups) for (const p of g.params) p.grad = null
  }

  /**
   * Moves every parameter that has a gradient. A `closure` computes the loss and its gradients first; its result is
   * returned. When a gradient is not finite, nothing moves: parameters, state and step counts stay as they were, also
   * in later steps, until the error is thrown by the next read of a value or the next call of `step`.
   * @param when a scalar that is true when the step may be made, beside finite gradients
   * @throws GradError when no parameter has a gradient; TrainingError for the step before, when its gradients were not finite
   */
  step(closure?: () => Tensor, options: { when?: Tensor } = {}): Tensor | undefined {
    const { when } = checkOptions(`${this.constructor.name}.step`, options, ['when'])
    if (!state.recorder) runPending()
    const loss = closure && ended(`${this.constructor.name}.step`, closure())
    if (state.recorder) this.moveAll(when)
    else this.program(when)
    return loss
  }

  /**
   * How a step whose gradients are not finite is handled: 'throw' reports an error (later steps change nothing until it is
   * thrown), 'skip' skips the step and continues; `foundInf` shows it in both cases. 'ignore' makes the step whatever the
   * gradients are, as PyTorch does, and saves reading them once more: of use where a step is a program of its own and
   * parameters by the million are moved; inside of a compiled training step the check costs about one percent. (LBFGS, whose
   * line search compares losses, always throws.)
   */
  nonFiniteGradients: 'throw' | 'skip' | 'ignore' = 'throw'

  private found: Tensor | undefined
  /**
   * A scalar that is 0 when the last step was made; otherwise the step was left out, and it is 1 plus the place, among
   * all parameters in the order of the groups, of the last one whose gradient was not finite (or −1: `when` was false).
   */
  get foundInf(): Tensor {
    this.found ??= this.scalar(0, this.groups[0]!.params)
    return this.found
  }

  /** Where several processes share the work: does what must be done around a step, which it is given. */
  around: ((step: (when?: Tensor) => void, when?: Tensor) => void) | undefined
  private moveAll(when?: Tensor): void {
    if (this.around) this.around((now) => this.apply(now), when)
    else this.apply(when)
  }

  private apply(when?: Tensor): void {
    noGrad(() => {
      const plan = this.groups.map((group) => {
        // One that moves is part of the program, which knows whether it is trained; one that does not is watched.
        const active = group.params.filter(
          (p) => (p.requiresGrad || guard(() => p.requiresGrad)) && p.grad,
        )
        this.arrange(group, active)
        this.guardOptions(group)
        return { group, members: new Set(active) }
      })
      if (plan.every(({ members }) => members.size === 0)) throw this.withoutGradients()
      const fine = this.checkGradients(when)
      for (const { group, members } of plan) {
        const { options, hyperparameters, rate } = group
        for (const { params, count } of group.cohorts) {
          const moving = [...params].filter((p) => members.has(p))
          if (moving.length === 0) continue
          const counted = remember([count])
          assign(count, add(count, 1))
          const step = new Step(rate, count, hyperparameters)
          const move = (p: Tensor) => {
            const g = p.grad!
            const s = this.state.get(p)!
            const moved = remember([p, ...Object.values(s)])
            assign(p, this.update(p, options.maximize ? neg(g) : g, s, options, step))
            moved(fine)
          }
          if (!extras.expressions?.repeat(this, moving, move)) moving.forEach(move)
          counted(fine)
        }
      }
    })
  }

  protected withoutGradients(): GradError {
    return new GradError({
      op: `${this.constructor.name}.step`,
      rule: 'some parameter of the optimizer must have a gradient',
      got: 'none',
      fix: 'Call loss.backward() before step(), and give the optimizer the parameters of the model that computes the loss.',
    })
  }

  /** Whether every gradient is finite (and `when` is true), as a scalar; stores the result in `foundInf`. */
  private checkGradients(when: Tensor | undefined): Tensor {
    const status = this.foundInf
    const mode = guard(() => this.nonFiniteGradients)
    const throws = mode === 'throw'
    let code = when ? where(when, 0, -1) : zerosLike(status)
    const checked = mode === 'ignore' ? code : extras.expressions?.check(this, code)
    if (checked) code = checked
    else
      this.allParams.forEach((p, i) => {
        // 0 · g is 0 for finite g and NaN otherwise. A sum of |g| would overflow for large finite gradients.
        if (p.requiresGrad && p.grad) code = where(eq(sum(mul(p.grad, 0)), 0), code, i + 1)
      })
    assign(status, throws ? where(eq(status, 0), code, status) : code)
    if (throws) afterRun(() => addPending(this.report))
    return eq(status, 0)
  }

  /** Reads `foundInf` of the last steps and resets it. */
  takeFound(): { parameter: Tensor | undefined } | undefined {
    removePending(this.report)
    if (!this.found) return undefined
    const code = read(this.found)
    if (code === 0) return undefined
    write(this.found, 0)
    return { parameter: this.allParams[code - 1] }
  }
  /** Leaves it to the caller to look at `foundInf`: the next read does not throw. */
  holdReport(): void {
    removePending(this.report)
  }
  private readonly report = (): void => {
    const found = this.takeFound()
    if (found) throw this.notFinite(found.parameter)
  }
  protected notFinite(p: Tensor | undefined): TrainingError {
    const place = () => this.allParams.indexOf(p!) + 1
    return new TrainingError({
      op: `${this.constructor.name}.step`,
      rule: 'gradients must be finite numbers',
      got: p
        ? `a gradient that is not, of parameter ${nameOf(p) ?? `${place()} (${show(p.shape)})`}`
        : 'a step that ends in numbers that are not',
      fix: 'The step was not made: the weights are as before it. Lower the learning rate, clip the gradients (clipGradNorm), or look at the data.',
    })
  }

  /** Options other than the rate and those that a schedule has moved are part of the program. */
  private guardOptions(group: Group<Required<O>>): void {
    const moved = {
      lr: true,
      momentum: group.hyperparameters.momentum,
      betas: group.hyperparameters.beta1,
    }
    for (const key of Object.keys(group.options))
      if (!moved[key as 'lr']) guard(() => group.options[key as keyof O])
    guard(() => group.hyperparameters.momentum ?? group.hyperparameters.beta1)
    guard(() => group.layout)
  }

  /**
   * Creates the state of new parameters, and groups parameters by the number of their steps: those that join
   * or pause (frozen, without a gradient) count on their own.
   */
  private arrange(group: Group<Required<O>>, active: readonly Tensor[]): void {
    const fresh = active.filter((p) => !this.state.has(p))
    for (const p of fresh)
      this.state.set(
        p,
        outside(() => noGrad(() => this.init(p, group.options))),
      )
    const members = new Set(active)
    const paused: Group<O>['cohorts'] = []
    for (const c of group.cohorts) {
      const still = [...c.params].filter((p) => !members.has(p))
      if (still.length === 0 || still.length === c.params.size) continue
      for (const p of still) c.params.delete(p)
      paused.push({ params: new Set(still), count: this.scalar(read(c.count), group.params) })
    }
    if (fresh.length > 0)
      paused.push({ params: new Set(fresh), count: this.scalar(0, group.params) })
    if (paused.length === 0) return
    group.cohorts.push(...paused)
    group.layout++
  }

  /** Everything that a resumed run needs. The tensors are the optimizer's own, not copies. */
  stateDict(): OptimizerState<Required<O>> {
    const tensors: Record<string, Tensor> = {}
    this.groups.forEach((g, i) => {
      g.params.forEach((p, j) => {
        const own = this.state.get(p)
        const cohort = g.cohorts.find((c) => c.params.has(p))
        if (!own || !cohort) return
        tensors[`group${i}.${j}.step`] = cohort.count
        for (const [k, t] of Object.entries(own)) tensors[`group${i}.${j}.${k}`] = t
      })
    })
    const groups = this.groups.map((g) => ({ lr: g.options.lr, options: { ...g.options } }))
    return { tensors, groups }
  }

  /**
   * Loads a saved state; nothing is changed when it does not fit.
   * @throws ValueError when the groups, their options or the names of the states do not agree, ShapeError for a shape
   */
  loadStateDict(saved: OptimizerState<Required<O>>): void {
    this.prepareStateDict(saved)()
  }
  /** Checks a saved state and returns a function that loads it; that function throws no error. */
  prepareStateDict(saved: OptimizerState<Required<O>>): () => void {
    return prepareState(this as unknown as Loadable<Required<O>>, saved)
  }
}

/** Zeros of a parameter's shape, for state. */
export const zeroState = (p: Tensor): Tensor => zerosLike(p, { requiresGrad: false })
/** A scalar of the state. */
export const scalarState = (p: Tensor, value = 0): Tensor =>
  withState(
    'backend',
    () => p.backend,
    () => full([], value),
  )
