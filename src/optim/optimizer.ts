import { compile, type Compiled } from '../compile/compile.js'
import { GradError, ValueError } from '../core/errors.js'
import { assign } from '../ops/assign.js'
import { neg } from '../ops/functions.js'
import { add } from '../ops/elementwise.js'
import type { Tensor } from '../ops/tensor.js'
import { fromData } from '../ops/tensor.js'
import { guard, noGrad, state, withState } from '../ops/trace.js'
import { full, zerosLike } from '../tensor/creation.js'

export interface OptimizerOptions {
  lr: number
  /** Climb instead of descend. */
  maximize?: boolean
}

/** Parameters with options of their own. */
export type ParamGroup<O> = { params: readonly Tensor[] } & Partial<O>

/** The state of one parameter: tensors that the update reads and writes. */
export type State = Record<string, Tensor>

/** Runs `f` outside of any program being traced: what it makes is there from now on. */
const outside = <T>(f: () => T): T =>
  withState('recorder', undefined, () => withState('scope', undefined, f))

export interface Group<O> {
  params: Tensor[]
  options: O
  /** Learning rate, as the tensor that programs read: it changes without tracing anew. */
  rate: Tensor
  /** Steps made, as a tensor. */
  count: Tensor
}

/**
 * Base of all optimizers. One is written for one tensor: `init` makes its state, `update` gives its new value.
 * Eagerly a whole step is one program; inside of `compile` it becomes part of the traced one.
 */
export abstract class Optimizer<O extends OptimizerOptions = OptimizerOptions> {
  readonly groups: Group<O>[] = []
  readonly state = new Map<Tensor, State>()
  private readonly program: Compiled<[], void>

  constructor(params: readonly Tensor[] | readonly ParamGroup<O>[], defaults: O) {
    const name = this.constructor.name
    if (params.length === 0)
      throw new ValueError({
        op: name,
        rule: 'there must be parameters',
        fix: 'Pass model.parameters().',
      })
    const groups =
      'params' in params[0]!
        ? (params as readonly ParamGroup<O>[])
        : [{ params: params as readonly Tensor[] } as ParamGroup<O>]
    const seen = new Set<Tensor>()
    for (const { params: list, ...own } of groups) {
      for (const p of list) {
        if (p.gradNode)
          throw new GradError({
            op: name,
            rule: 'only leaves can be trained',
            got: 'the result of an operation',
          })
        if (seen.has(p))
          throw new ValueError({ op: name, rule: 'a parameter may be in one group only' })
        seen.add(p)
      }
      const options = { ...defaults, ...(own as unknown as Partial<O>) }
      if (!(options.lr >= 0))
        throw new ValueError({
          op: name,
          rule: 'the learning rate must be at least 0',
          got: `${options.lr}`,
        })
      const first = list[0]
      const scalar = (v: number) =>
        outside(() => fromData(Float32Array.of(v), [], 'float32', first?.backend))
      this.groups.push({ params: [...list], options, rate: scalar(options.lr), count: scalar(0) })
    }
    this.program = compile(() => this.apply())
  }

  /** The state that a parameter starts with; zeros of its shape are the usual kind. */
  protected abstract init(p: Tensor, options: O): State
  /** The new value; writes its state by `assign`. */
  protected abstract update(p: Tensor, g: Tensor, s: State, options: O, group: Group<O>): Tensor

  /** The learning rate of the first group. Setting it sets that of all groups. */
  get lr(): number {
    return this.groups[0]!.rate.storage!.array()[this.groups[0]!.rate.offset]!
  }
  set lr(value: number) {
    for (const g of this.groups) this.setLr(g, value)
  }
  setLr(group: Group<O>, value: number): void {
    group.options.lr = value
    group.rate.storage!.array()[group.rate.offset] = value
  }

  zeroGrad(): void {
    for (const g of this.groups) for (const p of g.params) p.grad = null
  }

  /** Moves every parameter that has a gradient. */
  step(): void {
    if (state.recorder) this.apply()
    else this.program()
  }

  private apply(): void {
    noGrad(() => {
      for (const group of this.groups) {
        const { options } = group
        // Options other than the rate are part of the program.
        for (const key of Object.keys(options))
          if (key !== 'lr') guard(() => options[key as keyof O])
        const active = group.params.filter((p) => p.requiresGrad && p.grad)
        if (active.length === 0) continue
        assign(group.count, add(group.count, 1))
        for (const p of active) {
          let s = this.state.get(p)
          if (!s) {
            s = outside(() => this.init(p, options))
            this.state.set(p, s)
          }
          const g = p.grad!
          assign(p, this.update(p, options.maximize ? neg(g) : g, s, options, group))
        }
      }
    })
  }

  /** Everything that a resumed run needs: per group rate, steps and options, per parameter its state. */
  stateDict(): { tensors: Record<string, Tensor>; groups: { lr: number; options: O }[] } {
    const tensors: Record<string, Tensor> = {}
    this.groups.forEach((g, i) => {
      tensors[`group${i}.count`] = g.count
      g.params.forEach((p, j) => {
        for (const [k, t] of Object.entries(this.state.get(p) ?? {}))
          tensors[`group${i}.${j}.${k}`] = t
      })
    })
    return {
      tensors,
      groups: this.groups.map((g) => ({ lr: this.rateOf(g), options: { ...g.options } })),
    }
  }
  private rateOf(g: Group<O>): number {
    return g.rate.storage!.array()[g.rate.offset]!
  }
  /** @throws ValueError when groups or parameters do not agree */
  loadStateDict(saved: {
    tensors: Record<string, Tensor>
    groups: { lr: number; options: O }[]
  }): void {
    if (saved.groups.length !== this.groups.length)
      throw new ValueError({
        op: `${this.constructor.name}.loadStateDict`,
        rule: `there must be ${this.groups.length} groups`,
        got: `${saved.groups.length}`,
      })
    this.groups.forEach((g, i) => {
      g.options = { ...g.options, ...saved.groups[i]!.options }
      this.setLr(g, saved.groups[i]!.lr)
      const count = saved.tensors[`group${i}.count`]
      if (count) assign(g.count, count)
      g.params.forEach((p, j) => {
        const prefix = `group${i}.${j}.`
        const own = Object.entries(saved.tensors).filter(([k]) => k.startsWith(prefix))
        let s = this.state.get(p)
        // Saved before the first step: what has been gathered since is forgotten, in place.
        if (own.length === 0 && s)
          for (const [k, t] of Object.entries(this.init(p, g.options))) assign(s[k]!, t)
        if (own.length === 0) return
        if (!s) {
          s = this.init(p, g.options)
          this.state.set(p, s)
        }
        for (const [k, t] of own) {
          const target = s[k.slice(prefix.length)]
          if (target) assign(target, t)
        }
      })
    })
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
