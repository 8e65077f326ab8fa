/** Data-parallel training of a module: the same weights on every rank, other batches, averaged gradients. */
import { show, ValueError } from '../core/errors.js'
import { checkOptions, kinds, oneOf, readArguments, requireFunction } from '../core/options.js'
import { Module } from '../nn/module.js'
import { div } from '../ops/arithmetic.js'
import { assign } from '../ops/assign.js'
import { hostCall } from '../ops/host.js'
import { guard, noGrad, state, withState } from '../ops/state.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import { arange } from '../tensor/creation.js'
import { eq } from '../ops/compare.js'
import { toType } from '../ops/define.js'
import { broadcastTogether, reduceTogether } from './collectives.js'
import { allGatherObject } from './objects.js'
import { Reducer, type ReducerOptions } from './reducer.js'
import { DistributedError, groupOf, nextStep, type ProcessGroup } from './world.js'

type AnyModule = Module & { forward(...inputs: never[]): unknown }

export interface DistributedDataParallelOptions extends ReducerOptions {
  /** All ranks unless given. */
  processGroup?: ProcessGroup
  /** Buffers (running statistics) are those of the first rank at every forward in training; on unless given. */
  broadcastBuffers?: boolean
}
const names = {
  processGroup: kinds.any,
  broadcastBuffers: kinds.flag,
  bucketCapMb: kinds.number,
  gradientCompression: oneOf('bfloat16', 'float16'),
  findUnusedParameters: kinds.flag,
}

/** Tensors by type, since one exchange has one. */
export function byType(list: readonly Tensor[]): Tensor[][] {
  const types = new Map<string, Tensor[]>()
  for (const t of list) {
    const own = types.get(t.dtype)
    if (own) own.push(t)
    else types.set(t.dtype, [t])
  }
  return [...types.values()]
}

/** The values of rank `src` into the tensors, which are those of the same names on all ranks. */
export function synchronize(
  list: readonly Tensor[],
  src: number,
  group: ProcessGroup,
  what: string,
): void {
  noGrad(() => {
    for (const tensors of byType(list)) {
      const values = broadcastTogether(tensors, src, group, what)
      tensors.forEach((t, i) => {
        assign(t, values[i]!)
      })
    }
  })
}

/** @throws DistributedError on every rank when models differ: it names the first difference, and both sides */
export function compareModels(model: Module, group: ProcessGroup): void {
  const all = [...model.namedParameters(), ...model.namedBuffers()]
  const own = all.map(([name, t]) => `${name} ${show(t.shape)} ${t.dtype}`)
  const lists = allGatherObject(own, { group })
  const [wanted = []] = lists
  for (const [rank, list] of lists.entries()) {
    const n = Math.max(list.length, wanted.length)
    for (let i = 0; i < n; i++)
      if (list[i] !== wanted[i])
        throw new DistributedError({
          op: 'DistributedDataParallel',
          rule: 'all ranks must have the same model',
          got: `${wanted[i] ?? 'nothing more'} on rank ${group.ranks[0]} and ${list[i] ?? 'nothing more'} on rank ${group.ranks[rank]}`,
          fix: 'Make it from the same options on every rank.',
        })
  }
}

/** A step is counted where it runs: when it is eager, and each time that a program does. */
function counted(): void {
  hostCall({ name: 'step', start: () => nextStep() }, [])
}

/**
 * A module whose gradients are the averages over all ranks: N ranks with batches of B train as one process with batches of
 * N · B. All ranks start with the weights of the first; gradients are exchanged in buckets while backward goes on, eagerly
 * and in compiled steps. Names in saved files begin with `module.`; save `ddp.module.stateDict()`. PyTorch:
 * torch.nn.parallel.DistributedDataParallel.
 * @throws DistributedError on every rank when their models differ; ValueError before initProcessGroup
 */
export class DistributedDataParallel<M extends AnyModule = AnyModule> extends Module {
  readonly module: M
  readonly reducer: Reducer
  private readonly broadcastBuffers: boolean
  private joining = false
  private divideByWorld = true
  /** Was the last forward one of a program? */
  private traced = false

  constructor(module: M, options?: DistributedDataParallelOptions) {
    super()
    const op = 'DistributedDataParallel'
    const o = readArguments<DistributedDataParallelOptions>(op, [options], {}, 0, names)
    if (!(module instanceof Module))
      throw new ValueError({ op, rule: 'it wraps a module', got: typeof module })
    const group = groupOf(op, o.processGroup)
    if (o.bucketCapMb !== undefined && !(o.bucketCapMb > 0))
      throw new ValueError({ op, rule: 'bucketCapMb must be above 0', got: `${o.bucketCapMb}` })
    const params = module.parameters()
    if (!params.some((p) => p.requiresGrad))
      throw new ValueError({ op, rule: 'some parameter must be trained', got: 'none' })
    this.module = module
    this.broadcastBuffers = o.broadcastBuffers ?? true
    compareModels(module, group)
    this.reducer = new Reducer(params, group, o)
    if (group.size > 1)
      synchronize(
        [...params, ...module.namedBuffers().map(([, t]) => t)],
        group.ranks[0]!,
        group,
        'initial weights',
      )
  }

  override forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    const call = () => this.module.forward(...inputs) as ReturnType<M['forward']>
    const { reducer } = this
    if (!state.gradEnabled || !this.training) return call()
    counted()
    if (guard(() => this.joining)) this.announce(true)
    this.traced = state.recorder !== undefined
    if (this.broadcastBuffers && reducer.synchronizes) this.shareBuffers()
    return reducer.run(call)
  }
  private shareBuffers(): void {
    const { group } = this.reducer
    const buffers = this.module.namedBuffers().map(([, t]) => t)
    if (group.size > 1 && buffers.length > 0)
      synchronize(buffers, group.ranks[0]!, group, 'buffers')
  }

  /**
   * Runs `f` without the exchange: gradients gather on each rank, and the next backward outside averages them too.
   * PyTorch: no_sync.
   */
  noSync<R>(f: () => R): R {
    requireFunction('noSync', f)
    return this.reducer.withoutSync(f)
  }

  /**
   * Runs a loop over batches of which ranks may have different numbers: those that are through take part in the exchange
   * with zeros until all are, and have the same weights in the end. Averages are over all ranks, or with
   * `divideByInitialWorldSize: false` over those that still have batches. PyTorch: Join.
   */
  join<R>(f: () => R, options: { divideByInitialWorldSize?: boolean } = {}): R {
    requireFunction('join', f)
    const { reducer } = this
    const { group } = reducer
    if (group.size === 1) return f()
    const { divideByInitialWorldSize = true } = checkOptions('join', options, [
      'divideByInitialWorldSize',
    ])
    this.divideByWorld = divideByInitialWorldSize
    this.joining = true
    if (!divideByInitialWorldSize) reducer.divisor = this.number(1 / group.size)
    try {
      const result = f()
      let last = group.rank
      for (;;) {
        const active = this.announce(false)
        if (active.length === 0) break
        last = active[active.length - 1]!
        if (this.broadcastBuffers) this.shareBuffers()
        reducer.shadow(this.traced)
      }
      // Those that were through first have old weights.
      const all = allGatherObject(last, { group })
      const newest = group.ranks[Math.max(...all)]!
      synchronize(
        [...this.module.parameters(), ...this.module.namedBuffers().map(([, t]) => t)],
        newest,
        group,
        'weights',
      )
      return result
    } finally {
      this.joining = false
      reducer.divisor = undefined
    }
  }
  /** A number that programs read. */
  private number(value: number): Tensor {
    const [p] = this.module.parameters()
    return withState('recorder', undefined, () =>
      withState('scope', undefined, () =>
        fromData(Float32Array.of(value), [], 'float32', p!.backend),
      ),
    )
  }
  /** Says whether this rank has a batch; gives those that have one. */
  private announce(active: boolean): number[] {
    const { group, divisor } = this.reducer
    return noGrad(() => {
      const own = eq(arange(group.size), active ? group.rank : -1)
      const [now] = reduceTogether([toType(own, 'float32')], 'sum', group, 'ranks with batches')
      if (!this.divideByWorld && divisor && active) assign(divisor, div(1, now!.sum()))
      if (state.recorder) return []
      return Array.from(now!.toTypedArray() as Float32Array).flatMap((v, r) => (v > 0 ? [r] : []))
    })
  }

  override describe(): string {
    const { group, buckets } = this.reducer
    return `${group.size} ranks, ${buckets.length} buckets`
  }
}
