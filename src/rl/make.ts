/** Worlds by name. */
import { ValueError } from '../core/errors.js'
import { Acrobot } from './acrobot.js'
import { CartPole } from './cartPole.js'
import { type Dynamics, DynamicsEnvironment } from './dynamics.js'
import type { Environment } from './environment.js'
import { cliffWalking, frozenLake, gridWorld } from './grid.js'
import { MountainCar } from './mountainCar.js'

const dynamics = {
  'CartPole-v1': () => new CartPole(),
  'MountainCar-v0': () => new MountainCar(),
  'Acrobot-v1': () => new Acrobot(),
} as const satisfies Record<string, () => Dynamics>
const grids = {
  'FrozenLake-v1': () => frozenLake(),
  'FrozenLake8x8-v1': () => frozenLake({ mapName: '8x8' }),
  'CliffWalking-v0': () => cliffWalking(),
  'GridWorld-v0': () => gridWorld(),
} as const

export type DynamicsId = keyof typeof dynamics
export type GridId = keyof typeof grids
export type EnvironmentId = DynamicsId | GridId

/** The names that `make` knows. */
export const environmentIds: readonly EnvironmentId[] = [
  ...(Object.keys(dynamics) as DynamicsId[]),
  ...(Object.keys(grids) as GridId[]),
]

/** The laws of a world of this name, if it is one of laws. */
export const dynamicsOf = (id: string): Dynamics | undefined =>
  Object.hasOwn(dynamics, id) ? dynamics[id as DynamicsId]() : undefined

/**
 * A world by its name in Gymnasium.
 * @throws ValueError for a name that there is not
 * @example make('CartPole-v1').actionSpace.n // 2
 */
export function make(id: DynamicsId): DynamicsEnvironment
export function make(id: GridId): ReturnType<typeof frozenLake>
export function make(id: string): Environment
export function make(id: string): Environment {
  const laws = dynamicsOf(id)
  if (laws) return new DynamicsEnvironment(laws)
  if (Object.hasOwn(grids, id)) return grids[id as GridId]()
  throw new ValueError({
    op: 'make',
    rule: 'there must be an environment of this name',
    got: id,
    fix: `There are ${environmentIds.join(', ')}; a class of your own with reset and step needs no name.`,
  })
}
