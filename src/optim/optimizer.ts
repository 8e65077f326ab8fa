import { compile, type Compiled } from '../compile/compile.js'
import { GradError, ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { add } from '../ops/elementwise.js'
import { neg } from '../ops/functions.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import { guard, noGrad, state, withState } from '../ops/trace.js'
import { full, zerosLike } from '../tensor/creation.js'
import { checkOptions } from './options.js'

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
export interface Dials {
  momentum?: Tensor
  beta1?: Tensor
}

export interface Group<O> {
  params: Tensor[]
  options: O
  /** Learning rate, as the tensor that programs read: it changes without tracing anew. */
  rate: Tensor
  dials: Dials
  /** Parameters that have made the same number of steps, and that number as a tensor. */
  cohorts: { params: Set<Tensor>; count: Tensor }[]
  /** Counts changes of the cohorts, which programs are made for. */
  layout: number
}

/** What an update may use besides its tensor. */
export interface Step {
  rate: Tensor
  /** Steps of this parameter, this one included. */
  count: Tensor
  dials: Dials
}

/** What a resumed run needs: the tensors (of each parameter its state and steps), and the options of each group. */
export interface OptimizerState<O> {
  tensors: Record<string, Tensor>
  groups: { lr: number; options: O }[]
}

/** Runs `f` outside of any program being traced: what it makes is there from now on. */
const outside = <T>(f: () => T): T =>
  withState('recorder', undefined, () => withState('scope', undefined, f))

const read = (t: Tensor): number => t.storage!.array()[t.offset]!
const write = (t: Tensor, value: number): void => {
  t.storage!.array()[t.offset] = value
}

/**
 * Base of all optimizers. One is written for one tensor: `init` makes its state, `update` gives its new value.
 * Eagerly a whole step is one program; inside of `compile` it becomes part of the traced one.
 */
export abstract class Optimizer<O extends OptimizerOptions = OptimizerOptions> {
  readonly groups: Group<Required<O>>[] = []
  readonly state = new Map<Tensor, State>()
  private readonly defaults: Required<O>
  private readonly program: Compiled<[], void>

  /** `defaults` names every option that the optimizer has. */
  constructor(params: Params<O>, options: Partial<O>, defaults: Required<O>) {
    this.defaults = { ...defaults, ...options }
    checkOptions(this.constructor.name, this.defaults, defaults)
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
    this.program = compile(() => this.apply())
  }

  /**
   * More parameters, with options of their own; the rest are those given at the start.
   * @throws ValueError for a parameter that is here already or an option that does not exist; GradError for a result
   */
  addParamGroup({ params, ...own }: ParamGroup<O>): void {
    const op = this.constructor.name
    const options = { ...this.defaults, ...(own as unknown as Partial<O>) }
    checkOptions(op, options, this.defaults)
    this.checkGroup(options)
    const seen = new Set(this.groups.flatMap((g) => g.params))
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
    const group = { params: [...params], options, rate, dials: {}, cohorts: [], layout: 0 }
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
  setLr(group: Group<Required<O>>, value: number): void {
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
    const dial = group.dials[name]
    if (dial) write(dial, value)
    else group.dials[name] = this.scalar(value, group.params)
  }

  zeroGrad(): void {
    for (const g of this.groups) for (const p of g.params) p.grad = null
  }

  /**
   * Moves every parameter that has a gradient. A `closure` computes the loss and its gradients first; its result is
   * returned.
   */
  step(closure?: () => Tensor): Tensor | undefined {
    const loss = closure?.()
    if (state.recorder) this.apply()
    else this.program()
    return loss
  }

  private apply(): void {
    noGrad(() => {
      for (const group of this.groups) {
        // One that moves is part of the program, which knows whether it is trained; one that does not is watched.
        const active = group.params.filter(
          (p) => (p.requiresGrad || guard(() => p.requiresGrad)) && p.grad,
        )
        this.arrange(group, active)
        const { options, dials, rate } = group
        this.guardOptions(group)
        const members = new Set(active)
        for (const { params, count } of group.cohorts) {
          const moving = [...params].filter((p) => members.has(p))
          if (moving.length === 0) continue
          assign(count, add(count, 1))
          for (const p of moving) {
            const g = p.grad!
            const s = this.state.get(p)!
            const value = this.update(p, options.maximize ? neg(g) : g, s, options, {
              rate,
              count,
              dials,
            })
            assign(p, value)
          }
        }
      }
    })
  }

  /** Options other than the rate and the dials are part of the program. */
  private guardOptions(group: Group<Required<O>>): void {
    const moved = { lr: true, momentum: group.dials.momentum, betas: group.dials.beta1 }
    for (const key of Object.keys(group.options))
      if (!moved[key as 'lr']) guard(() => group.options[key as keyof O])
    guard(() => group.dials.momentum ?? group.dials.beta1)
    guard(() => group.layout)
  }

  /**
   * Gives new parameters their state, and keeps together what has made the same number of steps: parameters that join
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
   * Takes over a saved state; nothing is changed when it does not fit.
   * @throws ValueError when the number of groups or the names of the states do not agree
   */
  loadStateDict(saved: OptimizerState<Required<O>>): void {
    const op = `${this.constructor.name}.loadStateDict`
    if (saved.groups.length !== this.groups.length)
      throw new ValueError({
        op,
        rule: `there must be ${this.groups.length} groups`,
        got: `${saved.groups.length}`,
      })
    const found = new Map<Tensor, { step: number; own: [string, Tensor][] }>()
    this.groups.forEach((g, i) => {
      g.params.forEach((p, j) => {
        const prefix = `group${i}.${j}.`
        const own = Object.entries(saved.tensors)
          .filter(([k]) => k.startsWith(prefix))
          .map(([k, t]): [string, Tensor] => [k.slice(prefix.length), t])
        if (own.length === 0) return
        const step = own.find(([k]) => k === 'step')?.[1].item()
        if (step === undefined)
          throw new ValueError({ op, rule: `${prefix}step must be among the tensors` })
        found.set(p, { step, own: own.filter(([k]) => k !== 'step') })
      })
    })
    const fresh = new Map<Tensor, State>()
    this.groups.forEach((g, i) => {
      const options = { ...g.options, ...saved.groups[i]!.options }
      for (const p of g.params) {
        const entry = found.get(p)
        if (!entry) continue
        const own = this.state.get(p) ?? outside(() => noGrad(() => this.init(p, options)))
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
        fresh.set(p, own)
      }
    })
    this.groups.forEach((g, i) => {
      Object.assign(g.options, saved.groups[i]!.options)
      this.setLr(g, saved.groups[i]!.lr)
      if (g.dials.momentum ?? g.dials.beta1) this.setMomentum(g, this.momentumOf(g)!)
      for (const p of g.params) {
        const own = fresh.get(p)
        if (own)
          outside(() =>
            noGrad(() => {
              for (const [k, t] of found.get(p)!.own) assign(own[k]!, t)
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
