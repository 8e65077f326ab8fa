import { compile, type Compiled } from '../compile/compile.js'
import {
  DTypeError,
  GradError,
  ShapeError,
  show,
  TrainingError,
  ValueError,
} from '../core/errors.js'
import { checkOptions, isPlainObject, readArguments, showValue } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { eq } from '../ops/compare.js'
import { remember } from '../ops/conditional.js'
import { nameOf } from '../ops/names.js'
import { addPending, removePending, runPending } from '../ops/pending.js'
import { fromData, Tensor } from '../ops/tensor.js'
import { full, toBackend, zerosLike } from '../tensor/creation.js'
import { add, mul, where, neg } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { ended, afterRun, guard, noGrad, state, withState } from '../ops/state.js'
import { checkHyperparameters } from './options.js'

export interface OptimizerOptions {
  lr: number
  /** Climb instead of descend. */
  maximize?: boolean
}

/** Parameters with options of their own. */
export type ParamGroup<O> = { params: readonly Tensor[] } & Partial<O>
export type Params<O> = readonly Tensor[] | readonly ParamGroup<O>[]

/** The state of one parameter: tensors that the update reads and writes. */
export type State = Record<string, Tensor>

/** Options besides the rate that a schedule has moved: tensors from then on, so that nothing is traced anew. */
export interface Hyperparameters {
  momentum?: Tensor
  beta1?: Tensor
}

export interface Group<O> {
  params: Tensor[]
  options: O
  /** Learning rate, as the tensor that programs read: it changes without tracing anew. */
  rate: Tensor
  hyperparameters: Hyperparameters
  /** Parameters that have made the same number of steps, and that number as a tensor. */
  cohorts: { params: Set<Tensor>; count: Tensor }[]
  /** Counts changes of the cohorts, which programs are made for. */
  layout: number
}

/** What an update may use besides its tensor: the same for all parameters of a group that have made as many steps. */
export class Step {
  readonly rate: Tensor
  /** Steps of this parameter, this one included. */
  readonly count: Tensor
  readonly hyperparameters: Hyperparameters
  private readonly known = new Map<string, Tensor>()
  constructor(rate: Tensor, count: Tensor, hyperparameters: Hyperparameters) {
    this.rate = rate
    this.count = count
    this.hyperparameters = hyperparameters
  }
  /** What `make` gives, computed for the first parameter only: for scalars that depend on no parameter. */
  once(name: string, make: () => Tensor): Tensor {
    let t = this.known.get(name)
    if (!t) {
      t = make()
      this.known.set(name, t)
    }
    return t
  }
}

/** What a resumed run needs: the tensors (of each parameter its state and steps), and the options of each group. */
export interface OptimizerState<O> {
  tensors: Record<string, Tensor>
  groups: { lr: number; options: O }[]
}

/** Runs `f` outside of any program being traced, so that the tensors it creates stay. */
const outside = <T>(f: () => T): T =>
  withState('recorder', undefined, () => withState('scope', undefined, f))

/** `{ lr: undefined }` is as good as nothing. */
const defined = <O extends object>(options: O): O =>
  Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as O

const read = (t: Tensor): number => t.storage!.readNow(t.offset, 1)[0]!
const write = (t: Tensor, value: number): void => {
  t.storage!.fill(value, t.offset, 1)
}

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
    this.program = compile((when?: Tensor) => this.apply(when))
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
    const seen = new Set(this.groups.flatMap((g) => g.params))
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
    if (state.recorder) this.apply(when)
    else this.program(when)
    return loss
  }

  /**
   * How a step whose gradients are not finite is handled: 'throw' reports an error (later steps change nothing until it is
   * thrown), 'skip' skips the step and continues. `foundInf` shows it in both cases.
   */
  nonFiniteGradients: 'throw' | 'skip' = 'throw'

  private found: Tensor | undefined
  /**
   * A scalar that is 0 when the last step was made; otherwise the step was left out, and it is 1 plus the place, among
   * all parameters in the order of the groups, of the last one whose gradient was not finite (or −1: `when` was false).
   */
  get foundInf(): Tensor {
    this.found ??= this.scalar(0, this.groups[0]!.params)
    return this.found
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
          for (const p of moving) {
            const g = p.grad!
            const s = this.state.get(p)!
            const moved = remember([p, ...Object.values(s)])
            assign(p, this.update(p, options.maximize ? neg(g) : g, s, options, step))
            moved(fine)
          }
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
    const sticky = guard(() => this.nonFiniteGradients) === 'throw'
    let code: Tensor | undefined = when && where(when, 0, -1)
    this.groups
      .flatMap((g) => g.params)
      .forEach((p, i) => {
        // 0 · g is 0 for finite g and NaN otherwise. A sum of |g| would overflow for large finite gradients.
        if (p.requiresGrad && p.grad) code = where(eq(sum(mul(p.grad, 0)), 0), code ?? 0, i + 1)
      })
    assign(status, sticky ? where(eq(status, 0), code!, status) : code!)
    afterRun(() => {
      if (this.nonFiniteGradients === 'throw') addPending(this.report)
    })
    return eq(status, 0)
  }

  /** Reads `foundInf` of the last steps and resets it. */
  takeFound(): { parameter: Tensor | undefined } | undefined {
    removePending(this.report)
    if (!this.found) return undefined
    const code = read(this.found)
    if (code === 0) return undefined
    write(this.found, 0)
    return { parameter: this.groups.flatMap((g) => g.params)[code - 1] }
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
    const place = () => this.groups.flatMap((g) => g.params).indexOf(p!) + 1
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
    const op = `${this.constructor.name}.loadStateDict`
    if (!Array.isArray(saved?.groups) || typeof saved.tensors !== 'object')
      throw new ValueError({ op, rule: 'a state has groups and tensors', got: showValue(saved) })
    if (saved.groups.length !== this.groups.length)
      throw new ValueError({
        op,
        rule: `there must be ${this.groups.length} groups`,
        got: `${saved.groups.length}`,
      })
    const options = saved.groups.map((g) => {
      if (!isPlainObject(g?.options))
        throw new ValueError({ op, rule: 'a group has options', got: showValue(g) })
      const own = { ...g.options, lr: g.lr }
      checkHyperparameters(op, own, this.defaults)
      const missing = Object.keys(this.defaults).find((name) => !(name in own))
      if (missing)
        throw new ValueError({ op, rule: `a group has the option ${missing}`, got: 'none' })
      this.checkGroup(own)
      return own
    })
    const known = new Set(this.groups.flatMap((g, i) => g.params.map((_, j) => `group${i}.${j}`)))
    for (const name of Object.keys(saved.tensors))
      if (!known.has(name.split('.').slice(0, 2).join('.')))
        throw new ValueError({
          op,
          rule: 'every state must be that of a parameter of the optimizer',
          got: name,
          fix: 'Is it the state of another model?',
        })
    const found = new Map<Tensor, { step: number; own: [string, Tensor][] }>()
    this.groups.forEach((g, i) => {
      g.params.forEach((p, j) => {
        const prefix = `group${i}.${j}.`
        const own = Object.entries(saved.tensors)
          .filter(([k]) => k.startsWith(prefix))
          .map(([k, t]): [string, Tensor] => [k.slice(prefix.length), t])
        if (own.length === 0) return
        const count = own.find(([k]) => k === 'step')?.[1]
        const step = count?.size === 1 ? count.item() : Number.NaN
        if (!(Number.isInteger(step) && step >= 0))
          throw new ValueError({
            op,
            rule: `${prefix}step must be a number of steps`,
            got: count ? `${step}` : 'nothing',
          })
        found.set(p, { step, own: own.filter(([k]) => k !== 'step') })
      })
    })
    const fresh = new Map<Tensor, State>()
    this.groups.forEach((g, i) => {
      for (const p of g.params) {
        const entry = found.get(p)
        if (!entry) continue
        const own = this.state.get(p) ?? outside(() => noGrad(() => this.init(p, options[i]!)))
        const names = entry.own.map(([k]) => k).sort()
        if (`${names}` !== `${Object.keys(own).sort()}`)
          throw new ValueError({
            op,
            rule: `the state of a parameter must be ${Object.keys(own).join(', ') || 'empty'}`,
            got: names.join(', ') || 'nothing',
            fix: 'Load it into an optimizer of the same kind and options.',
          })
        for (const [k, t] of entry.own)
          if (!sameShape(t.shape, own[k]!.shape))
            throw new ShapeError({
              op,
              rule: `${k} must be ${show(own[k]!.shape)}`,
              got: show(t.shape),
            })
        for (const [k, t] of entry.own)
          if (t.dtype !== own[k]!.dtype)
            throw new DTypeError({ op, rule: `${k} must be ${own[k]!.dtype}`, got: t.dtype })
        fresh.set(p, own)
      }
    })
    return () => this.take(options, fresh, found)
  }

  private take(
    options: readonly Required<O>[],
    fresh: ReadonlyMap<Tensor, State>,
    found: ReadonlyMap<Tensor, { step: number; own: [string, Tensor][] }>,
  ): void {
    this.groups.forEach((g, i) => {
      Object.assign(g.options, options[i])
      this.setLr(g, options[i]!.lr)
      if (g.hyperparameters.momentum ?? g.hyperparameters.beta1)
        this.setMomentum(g, this.momentumOf(g)!)
      for (const p of g.params) {
        const own = fresh.get(p)
        if (own)
          outside(() =>
            noGrad(() => {
              for (const [k, t] of found.get(p)!.own) assign(own[k]!, toBackend(t, own[k]!.backend))
            }),
          )
        if (own) this.state.set(p, own)
        else this.state.delete(p)
      }
      this.count(g, new Map([...found].map(([p, { step }]) => [p, step])))
    })
  }

  /** Sets how many steps each parameter has made; the cohorts stay when they can, so that nothing is traced anew. */
  private count(group: Group<Required<O>>, steps: ReadonlyMap<Tensor, number>): void {
    const counted = group.params.filter((p) => steps.has(p))
    const fits =
      group.cohorts.reduce((n, c) => n + c.params.size, 0) === counted.length &&
      group.cohorts.every((c) => {
        const own = new Set([...c.params].map((p) => steps.get(p)))
        return own.size === 1 && !own.has(undefined)
      })
    if (fits) {
      for (const c of group.cohorts) write(c.count, steps.get([...c.params][0]!)!)
      return
    }
    group.cohorts = []
    for (const p of counted) {
      const step = steps.get(p)!
      const same = group.cohorts.find((c) => read(c.count) === step)
      if (same) same.params.add(p)
      else group.cohorts.push({ params: new Set([p]), count: this.scalar(step, group.params) })
    }
    group.layout++
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
