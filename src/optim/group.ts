/** What optimizers keep: groups of parameters, and the state of each. */
import { withState } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'

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
export const outside = <T>(f: () => T): T =>
  withState('recorder', undefined, () => withState('scope', undefined, f))

/** `{ lr: undefined }` is as good as nothing. */
export const defined = <O extends object>(options: O): O =>
  Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as O

export const read = (t: Tensor): number => t.storage!.readNow(t.offset, 1)[0]!
export const write = (t: Tensor, value: number): void => {
  t.storage!.fill(value, t.offset, 1)
}
