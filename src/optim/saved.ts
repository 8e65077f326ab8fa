/** Saved states of optimizers, checked as a whole before anything changes. */
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { isPlainObject, showValue } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { toBackend } from '../tensor/creation.js'
import { type Group, type OptimizerState, outside, read, type State, write } from './group.js'
import { checkHyperparameters } from './options.js'

/** What loading needs of an optimizer, also of what only its subclasses see. */
export interface Loadable<O> {
  readonly groups: Group<O>[]
  readonly state: Map<Tensor, State>
  readonly defaults: O
  checkGroup(options: O): void
  init(p: Tensor, options: O): State
  scalar(value: number, params: readonly Tensor[]): Tensor
  setLr(group: Group<O>, value: number): void
  momentumOf(group: Group<O>): number | undefined
  setMomentum(group: Group<O>, value: number): void
}

/** Checks a saved state and returns a function that loads it; that function throws no error. */
export function prepareState<O extends { lr: number }>(
  o: Loadable<O>,
  saved: OptimizerState<O>,
): () => void {
  const op = `${o.constructor.name}.loadStateDict`
  if (!Array.isArray(saved?.groups) || typeof saved.tensors !== 'object')
    throw new ValueError({ op, rule: 'a state has groups and tensors', got: showValue(saved) })
  if (saved.groups.length !== o.groups.length)
    throw new ValueError({
      op,
      rule: `there must be ${o.groups.length} groups`,
      got: `${saved.groups.length}`,
    })
  const options = saved.groups.map((g) => {
    if (!isPlainObject(g?.options))
      throw new ValueError({ op, rule: 'a group has options', got: showValue(g) })
    const own = { ...g.options, lr: g.lr }
    checkHyperparameters(op, own, o.defaults)
    const missing = Object.keys(o.defaults).find((name) => !(name in own))
    if (missing)
      throw new ValueError({ op, rule: `a group has the option ${missing}`, got: 'none' })
    o.checkGroup(own)
    return own
  })
  /** By group and parameter, as `group0.1`. */
  const states = new Map<string, State>()
  for (const [name, t] of Object.entries(saved.tensors)) {
    const parts = name.split('.')
    const at = parts.splice(0, 2).join('.')
    states.set(at, { ...states.get(at), [parts.join('.')]: t })
  }
  const given = o.groups.map((g, i) =>
    g.params.map((_, j) => {
      const at = `group${i}.${j}`
      const own = states.get(at)
      states.delete(at)
      return own
    }),
  )
  for (const [at, own] of states)
    throw new ValueError({
      op,
      rule: 'every state must be that of a parameter of the optimizer',
      got: `${at}.${Object.keys(own)[0]}`,
      fix: 'Is it the state of another model?',
    })
  const loads = o.groups.map((g, i) => {
    const steps = new Map<Tensor, number>()
    const states = g.params.map((p, j) => {
      if (!given[i]![j]) return undefined
      const { step: count, ...tensors } = given[i]![j]!
      const step = count?.size === 1 ? count.item() : Number.NaN
      if (!(Number.isInteger(step) && step >= 0))
        throw new ValueError({
          op,
          rule: `group${i}.${j}.step must be a number of steps`,
          got: count ? `${step}` : 'nothing',
        })
      steps.set(p, step)
      const own = o.state.get(p) ?? outside(() => noGrad(() => o.init(p, options[i]!)))
      const names = Object.keys(own).sort().join(', ')
      const found = Object.keys(tensors).sort().join(', ')
      if (names !== found)
        throw new ValueError({
          op,
          rule: `the state of a parameter must be ${names || 'empty'}`,
          got: found || 'nothing',
          fix: 'Load it into an optimizer of the same kind and options.',
        })
      for (const [k, t] of Object.entries(own)) {
        const { shape, dtype } = tensors[k]!
        if (!sameShape(shape, t.shape))
          throw new ShapeError({ op, rule: `${k} must be ${show(t.shape)}`, got: show(shape) })
        if (dtype !== t.dtype)
          throw new DTypeError({ op, rule: `${k} must be ${t.dtype}`, got: dtype })
      }
      return { own, tensors }
    })
    return () => {
      Object.assign(g.options, options[i])
      o.setLr(g, options[i]!.lr)
      if (g.hyperparameters.momentum ?? g.hyperparameters.beta1) o.setMomentum(g, o.momentumOf(g)!)
      g.params.forEach((p, j) => {
        const loaded = states[j]
        if (!loaded) {
          o.state.delete(p)
          return
        }
        const { own, tensors } = loaded
        outside(() =>
          noGrad(() => {
            for (const [k, t] of Object.entries(own)) assign(t, toBackend(tensors[k]!, t.backend))
          }),
        )
        o.state.set(p, own)
      })
      setCounts(o, g, steps)
    }
  })
  return () => {
    for (const load of loads) load()
  }
}

/** Sets how many steps each parameter has made; the cohorts stay when they can, so that nothing is traced anew. */
function setCounts<O>(o: Loadable<O>, group: Group<O>, steps: ReadonlyMap<Tensor, number>): void {
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
    else group.cohorts.push({ params: new Set([p]), count: o.scalar(step, group.params) })
  }
  group.layout++
}
