/** Scales of losses, for gradients of float16 that would vanish. */
import { add, div, mul, where } from '../ops/arithmetic.js'
import { ge, ne } from '../ops/compare.js'
import { assign } from '../ops/assign.js'
import { ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { noGrad, withState } from '../ops/state.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import type { Optimizer } from './optimizer.js'

export interface GradScalerOptions {
  initScale?: number
  /** The scale grows by it after `growthInterval` steps in a row whose gradients were finite. */
  growthFactor?: number
  /** The scale shrinks by it after a step whose gradients were not finite. */
  backoffFactor?: number
  growthInterval?: number
  /** false: every method does nothing, and `step` is the optimizer's. */
  enabled?: boolean
}

/**
 * Scales the loss, so that small gradients of float16 do not vanish, and skips steps whose gradients are not finite.
 * bfloat16 has the exponents of float32 and needs none. Works eagerly and inside of `compile`: the scale is a tensor.
 *
 * `scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()`
 *
 * https://pytorch.org/docs/stable/amp.html#gradient-scaling
 * @throws ValueError for factors that do not fit
 */
export class GradScaler {
  private readonly options: Required<GradScalerOptions>
  private current: Tensor | undefined
  private tracker: Tensor | undefined
  /** The optimizers of this step whose gradients are unscaled already, and those that were stepped. */
  private readonly unscaled = new Set<Optimizer>()
  private readonly stepped = new Set<Optimizer>()

  constructor(options: GradScalerOptions = {}) {
    checkOptions('GradScaler', options, [
      'initScale',
      'growthFactor',
      'backoffFactor',
      'growthInterval',
      'enabled',
    ])
    this.options = {
      initScale: 65536,
      growthFactor: 2,
      backoffFactor: 0.5,
      growthInterval: 2000,
      enabled: true,
      ...options,
    }
    const { growthFactor, backoffFactor, growthInterval } = this.options
    if (!(growthFactor > 1))
      throw new ValueError({
        op: 'GradScaler',
        rule: 'growthFactor must be above 1',
        got: `${growthFactor}`,
      })
    if (!(backoffFactor < 1 && backoffFactor > 0))
      throw new ValueError({
        op: 'GradScaler',
        rule: 'backoffFactor must lie between 0 and 1',
        got: `${backoffFactor}`,
      })
    if (!(Number.isInteger(growthInterval) && growthInterval > 0))
      throw new ValueError({
        op: 'GradScaler',
        rule: 'growthInterval must be a whole number above 0',
        got: `${growthInterval}`,
      })
  }

  /** The scale as a scalar tensor, made at first use outside of any program. */
  private get factor(): Tensor {
    this.current ??= outside(() => fromData(Float32Array.of(this.options.initScale), [], 'float32'))
    return this.current
  }
  private get growth(): Tensor {
    this.tracker ??= outside(() => fromData(Int32Array.of(0), [], 'int32'))
    return this.tracker
  }

  isEnabled(): boolean {
    return this.options.enabled
  }
  /** The scale now; 1 when not enabled. */
  getScale(): number {
    return this.options.enabled ? this.factor.item() : 1
  }

  /** The loss times the scale. */
  scale(loss: Tensor): Tensor {
    return this.options.enabled ? mul(loss, this.factor) : loss
  }

  /** Divides the gradients of the optimizer's parameters by the scale, to clip or look at them before `step`. */
  unscale(optimizer: Optimizer): void {
    if (!this.options.enabled) return
    if (this.unscaled.has(optimizer))
      throw new ValueError({
        op: 'GradScaler.unscale',
        rule: 'unscale must be called once an optimizer and step',
        got: 'a second call',
        fix: 'Call update() after step().',
      })
    this.unscaled.add(optimizer)
    noGrad(() => {
      const inverse = div(1, this.factor)
      for (const { params } of optimizer.groups)
        for (const p of params) if (p.grad) p.grad = mul(p.grad, inverse)
    })
  }

  /** Steps the optimizer with unscaled gradients; nothing moves when one of them is not finite. */
  step(optimizer: Optimizer): void {
    if (this.options.enabled) {
      if (!this.unscaled.has(optimizer)) this.unscale(optimizer)
      optimizer.nonFiniteGradients = 'skip'
      this.stepped.add(optimizer)
    }
    optimizer.step()
  }

  /** Changes the scale by what the steps since the last call have found. @throws ValueError when there was none */
  update(): void {
    if (!this.options.enabled) return
    if (this.stepped.size === 0)
      throw new ValueError({
        op: 'GradScaler.update',
        rule: 'step must have been called before',
        got: 'no step',
      })
    const { growthFactor, backoffFactor, growthInterval } = this.options
    noGrad(() => {
      let found: Tensor | undefined
      for (const o of this.stepped) {
        const bad = ne(o.foundInf, 0)
        found = found ? found.logicalOr(bad) : bad
      }
      const { factor, growth } = this
      const steps = where(found!, 0, add(growth, 1))
      const grows = ge(steps, growthInterval)
      const next = where(
        found!,
        mul(factor, backoffFactor),
        where(grows, mul(factor, growthFactor), factor),
      )
      assign(growth, where(grows, 0, steps))
      assign(factor, next)
    })
    this.unscaled.clear()
    this.stepped.clear()
  }

  /** What a resumed run needs. */
  stateDict(): Record<string, number> {
    const { growthFactor, backoffFactor, growthInterval } = this.options
    return {
      scale: this.getScale(),
      growthFactor,
      backoffFactor,
      growthInterval,
      growthTracker: this.growth.item(),
    }
  }
  loadStateDict(from: Record<string, number>): void {
    const { scale, growthTracker, growthFactor, backoffFactor, growthInterval } = from
    Object.assign(this.options, { growthFactor, backoffFactor, growthInterval })
    this.factor.storage!.fill(scale!)
    this.growth.storage!.fill(growthTracker!)
  }
}

const outside = <T>(f: () => T): T =>
  withState('recorder', undefined, () => withState('scope', undefined, f))
