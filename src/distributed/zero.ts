/** Optimizer state shared out over ranks: stage 1 of ZeRO (Rajbhandari et al., 2020, https://arxiv.org/abs/1910.02054). */
import { bytesOf } from '../core/dtype.js'
import { checkOptions, showValue } from '../core/options.js'
import { ValueError } from '../core/errors.js'
import type { Optimizer } from '../optim/optimizer.js'
import { where } from '../ops/arithmetic.js'
import { assign } from '../ops/assign.js'
import { eq, logicalAnd } from '../ops/compare.js'
import { mul } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { zeros } from '../tensor/creation.js'
import type { DType } from '../core/dtype.js'
import { byType, synchronize } from './ddp.js'
import { allGatherObject } from './objects.js'
import { groupOf, type ProcessGroup } from './world.js'

const sharded = new WeakSet<object>()
/** Does the state of this optimizer lie on several ranks? Then `stateDict` is an operation of all of them. */
export const isSharded = (optimizer: object): boolean => sharded.has(optimizer)

/** @throws ValueError for anything else */
export function requireOptimizer(op: string, optimizer: unknown): void {
  if (!Array.isArray((optimizer as Partial<Optimizer> | undefined)?.groups))
    throw new ValueError({
      op,
      rule: 'the first argument must be an optimizer',
      got: showValue(optimizer),
    })
}

/** The rank in the group that keeps the state of each parameter: each time the one that has least so far. */
function ownersOf(params: readonly Tensor[], size: number): Map<Tensor, number> {
  const bytes = new Array<number>(size).fill(0)
  return new Map(
    params.map((p) => {
      const rank = bytes.indexOf(Math.min(...bytes))
      bytes[rank]! += p.size * bytesOf(p.dtype)
      return [p, rank]
    }),
  )
}

/**
 * Makes each rank keep the optimizer's state of a part of the parameters and move these; the others get their new values.
 * Gradients must be averages over ranks already, as DistributedDataParallel and `fit` make them. The optimizer itself is
 * changed and returned; `stateDict` then is called on all ranks together, and gives the whole state, which loads on any
 * number of ranks. PyTorch: ZeroRedundancyOptimizer.
 * @throws ValueError unless it is an optimizer, and before initProcessGroup
 */
export function zeroRedundancy<O extends Optimizer>(
  optimizer: O,
  options: { processGroup?: ProcessGroup } = {},
): O {
  const { processGroup } = checkOptions('zeroRedundancy', options, ['processGroup'])
  requireOptimizer('zeroRedundancy', optimizer)
  const group = groupOf('zeroRedundancy', processGroup)
  if (group.size === 1 || sharded.has(optimizer)) return optimizer
  sharded.add(optimizer)
  const all = optimizer.groups.flatMap((g) => g.params)
  const owners = ownersOf(all, group.size)
  const mine = (p: Tensor) => owners.get(p) === group.rank

  optimizer.around = (step, when) =>
    noGrad(() => {
      const moving = all.filter((p) => p.grad)
      // All ranks see all gradients, and decide alike.
      let fine = when
      for (const p of moving) {
        const finite = eq(sum(mul(p.grad!, 0)), 0)
        fine = fine ? logicalAnd(fine, finite) : finite
      }
      const others = moving.filter((p) => !mine(p)).map((p) => [p, p.grad!] as const)
      for (const [p] of others) p.grad = null
      if (moving.length === 0 || moving.some(mine)) step(fine)
      else assign(optimizer.foundInf, where(fine!, 0, -1))
      for (const [p, grad] of others) p.grad = grad
      for (let rank = 0; rank < group.size; rank++) {
        const list = moving.filter((p) => owners.get(p) === rank)
        if (list.length > 0) synchronize(list, group.ranks[rank]!, group, `weights of part ${rank}`)
      }
    })

  const { stateDict, prepareStateDict } = optimizer
  optimizer.stateDict = () => {
    const { tensors, groups } = stateDict.call(optimizer)
    const own = Object.entries(tensors).map(([name, { shape, dtype }]) => ({ name, shape, dtype }))
    const lists = allGatherObject(own, { group })
    const whole: Record<string, Tensor> = {}
    for (const [rank, list] of lists.entries()) {
      const here = list.map(({ name, shape, dtype }) =>
        rank === group.rank ? tensors[name]! : zeros([...shape], { dtype: dtype as DType }),
      )
      for (const some of byType(here)) synchronize(some, group.ranks[rank]!, group, 'state')
      list.forEach(({ name }, i) => {
        whole[name] = here[i]!
      })
    }
    return { tensors: whole, groups }
  }
  optimizer.prepareStateDict = (saved) => {
    const keep = new Set<string>()
    optimizer.groups.forEach((g, i) => {
      g.params.forEach((p, j) => {
        if (mine(p)) keep.add(`group${i}.${j}`)
      })
    })
    const tensors = Object.fromEntries(
      Object.entries(saved.tensors).filter(([name]) =>
        keep.has(/^group\d+\.\d+/.exec(name)?.[0] ?? ''),
      ),
    )
    return prepareStateDict.call(optimizer, { ...saved, tensors })
  }
  return optimizer
}

type OptimizerClass = new (params: never, options: never) => Optimizer
/**
 * An optimizer whose state is shared out over ranks: `new ZeroRedundancyOptimizer(model.parameters(), Adam, { lr: 1e-3 })`
 * is an Adam; see zeroRedundancy.
 */
export class ZeroRedundancyOptimizer<C extends OptimizerClass> {
  constructor(
    params: ConstructorParameters<C>[0],
    optimizerClass: C,
    options: ConstructorParameters<C>[1] & { processGroup?: ProcessGroup } = {} as never,
  ) {
    const { processGroup, ...rest } = options as { processGroup?: ProcessGroup }
    // biome-ignore lint/correctness/noConstructorReturn: it is one of the class that it is given
    return zeroRedundancy(new optimizerClass(params as never, rest as never), {
      ...(processGroup && { processGroup }),
    }) as never
  }
}
