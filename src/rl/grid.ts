/** Worlds of squares: every state is a number, and all that can happen is a table. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { el } from '../plot/svg.js'
import {
  type Environment,
  type Info,
  type ResetOptions,
  requireAction,
  requireEpisode,
  seedOf,
  type StepResult,
} from './environment.js'
import { RandomStream } from './random.js'
import { Discrete } from './spaces.js'

/** One of the things that may happen after an action. */
export interface Transition {
  probability: number
  next: number
  reward: number
  terminated: boolean
}
/** What may happen for each state and action: Gymnasium's `P`. */
export type Transitions = readonly (readonly (readonly Transition[])[])[]

/** Left, down, right, up, as in Gymnasium's FrozenLake. */
const MOVES = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
] as const
export const arrows: readonly string[] = ['←', '↓', '→', '↑']

export interface GridOptions {
  /** Rows of the map: S start, G goal, H hole, # wall, C cliff (back to the start), anything else floor. */
  map: readonly string[]
  /** Probability of going as meant; the rest is shared by the two directions at right angles. 1 unless given. */
  straight?: number
  /** For each step, 0 unless given. */
  stepReward?: number
  /** On reaching G, instead of the reward of a step; 1 unless given. */
  goalReward?: number
  /** On falling into H, instead of the reward of a step; 0 unless given. */
  holeReward?: number
  /** On stepping on C, instead of the reward of a step; −100 unless given. */
  cliffReward?: number
  maxEpisodeSteps?: number
  rewardThreshold?: number
  id?: string
}
const gridNames: OptionNames<GridOptions> = {
  map: true,
  straight: true,
  stepReward: true,
  goalReward: true,
  holeReward: true,
  cliffReward: true,
  maxEpisodeSteps: true,
  rewardThreshold: true,
  id: true,
}

/**
 * A map of squares. A state is row · columns + column; actions are left (0), down (1), right (2), up (3); who walks
 * against a wall stays. The episode ends on G and on H.
 * @example
 * const env = new GridWorld({ map: ['S.', '.G'] })
 * env.reset({ seed: 1 })
 * env.step(1) // [2, 0, false, false, {}]
 * env.step(2) // [3, 1, true, false, {}]
 */
export class GridWorld implements Environment<number> {
  readonly id: string
  readonly map: readonly string[]
  readonly rows: number
  readonly columns: number
  readonly observationSpace: Discrete
  readonly actionSpace: Discrete = new Discrete(4)
  readonly rewardThreshold: number
  readonly maxEpisodeSteps: number
  readonly transitions: Transitions
  /** The squares with S. */
  readonly starts: readonly number[]
  /** The present square. */
  state = 0
  private random = new RandomStream(0)
  private steps = 0
  private running = false

  /** @throws ValueError for a map whose rows differ in length, or without a start, and for a probability outside of [0, 1] */
  constructor(options: GridOptions) {
    const {
      map,
      straight = 1,
      stepReward = 0,
      goalReward = 1,
      holeReward = 0,
      cliffReward = -100,
      maxEpisodeSteps = 100,
      rewardThreshold = Number.POSITIVE_INFINITY,
      id = 'GridWorld',
    } = checkOptions('GridWorld', options, gridNames)
    const refuse = (rule: string, got: string): never => {
      throw new ValueError({ op: 'GridWorld', rule, got })
    }
    const columns = map?.[0]?.length ?? 0
    if (columns === 0 || map.some((row) => row.length !== columns))
      refuse('map must be rows of one length', JSON.stringify(map))
    if (!(straight >= 0 && straight <= 1)) refuse('straight must be from 0 to 1', `${straight}`)
    this.id = id
    this.map = map
    this.rows = map.length
    this.columns = columns
    this.observationSpace = new Discrete(this.rows * columns)
    this.rewardThreshold = rewardThreshold
    this.maxEpisodeSteps = maxEpisodeSteps
    const squares = [...map.join('')]
    this.starts = squares.flatMap((square, s) => (square === 'S' ? [s] : []))
    if (this.starts.length === 0) refuse('map must have a start, S', map.join(' '))
    const start = this.starts[0]!
    const go = (s: number, direction: number, probability: number): Transition => {
      const [dr, dc] = MOVES[direction]!
      const r = Math.min(Math.max(Math.floor(s / columns) + dr, 0), this.rows - 1)
      const c = Math.min(Math.max((s % columns) + dc, 0), columns - 1)
      const to = squares[r * columns + c] === '#' ? s : r * columns + c
      const square = squares[to]
      if (square === 'C')
        return { probability, next: start, reward: cliffReward, terminated: false }
      const terminated = square === 'G' || square === 'H'
      const reward = square === 'G' ? goalReward : square === 'H' ? holeReward : stepReward
      return { probability, next: to, reward, terminated }
    }
    this.transitions = squares.map((square, s) =>
      MOVES.map((_, action) => {
        if (square === 'G' || square === 'H')
          return [{ probability: 1, next: s, reward: 0, terminated: true }]
        if (straight === 1) return [go(s, action, 1)]
        // Thirds are thirds.
        const aside = straight === 1 / 3 ? straight : (1 - straight) / 2
        return [
          go(s, (action + 3) % 4, aside),
          go(s, action, straight),
          go(s, (action + 1) % 4, aside),
        ]
      }),
    )
  }

  reset(options: ResetOptions = {}): [number, Info] {
    const seed = seedOf(`${this.id}.reset`, options)
    if (seed !== undefined) this.random = new RandomStream(seed)
    this.state = this.starts[this.random.integer(this.starts.length)]!
    this.steps = 0
    this.running = true
    return [this.state, {}]
  }
  step(action: number): StepResult<number> {
    requireAction(this.id, this.actionSpace, action)
    requireEpisode(this.id, this.running)
    const list = this.transitions[this.state]![action]!
    const k = list.length === 1 ? 0 : this.random.choice(list.map((t) => t.probability))
    const { next, reward, terminated } = list[k]!
    this.state = next
    const truncated = ++this.steps >= this.maxEpisodeSteps
    this.running = !terminated && !truncated
    return [next, reward, terminated, truncated, {}]
  }

  /** The map, with the agent as @. */
  render(): string {
    return this.show((s) => (s === this.state ? '@' : undefined))
  }
  /** The map, with something else on some squares. */
  show(mark: (state: number, square: string) => string | undefined): string {
    return this.map
      .map((row, r) => [...row].map((sq, c) => mark(r * this.columns + c, sq) ?? sq).join(' '))
      .join('\n')
  }
  /** The map with the best action of each square by a table of action values, states by actions. */
  showPolicy(values: ArrayLike<number>): string {
    return this.show((s, square) => ('GH#C'.includes(square) ? square : arrows[best(values, s, 4)]))
  }
  get frameSize(): readonly [number, number] {
    return [this.columns * 60, this.rows * 60]
  }
  draw(): string {
    const fills: Record<string, string> = {
      S: '#e2e8f0',
      G: '#86efac',
      H: '#93c5fd',
      '#': '#475569',
      C: '#fca5a5',
    }
    const squares = this.map.flatMap((row, r) =>
      [...row].map((square, c) =>
        el('rect', {
          x: c * 60,
          y: r * 60,
          width: 60,
          height: 60,
          fill: fills[square] ?? '#f8fafc',
          stroke: '#cbd5e1',
        }),
      ),
    )
    const [cx, cy] = [
      (this.state % this.columns) * 60 + 30,
      Math.floor(this.state / this.columns) * 60 + 30,
    ]
    return squares.join('') + el('circle', { cx, cy, r: 18, fill: '#d97706' })
  }
}

/** The first action of the largest value in a table of states by actions. */
export function best(values: ArrayLike<number>, state: number, actions: number): number {
  let k = 0
  for (let a = 1; a < actions; a++)
    if (values[state * actions + a]! > values[state * actions + k]!) k = a
  return k
}

const LAKES = {
  '4x4': ['SFFF', 'FHFH', 'FFFH', 'HFFG'],
  '8x8': [
    'SFFFFFFF',
    'FFFFFFFF',
    'FFFHFFFF',
    'FFFFFHFF',
    'FFFHFFFF',
    'FHHFFFHF',
    'FHFFHFHF',
    'FFFHFFFG',
  ],
} as const

export interface FrozenLakeOptions {
  mapName?: keyof typeof LAKES
  /** Ice: one time in three each it goes as meant and to both sides of it. True unless given. */
  isSlippery?: boolean
}

/** Gymnasium's FrozenLake-v1: over the ice to the goal (reward 1), not into the holes. 100 steps at most, 200 on 8x8. */
export function frozenLake(options: FrozenLakeOptions = {}): GridWorld {
  const { mapName = '4x4', isSlippery = true } = checkOptions('frozenLake', options, {
    mapName: true,
    isSlippery: true,
  })
  const map = LAKES[mapName]
  if (!map)
    throw new ValueError({ op: 'frozenLake', rule: "mapName must be '4x4' or '8x8'", got: mapName })
  const large = mapName === '8x8'
  return new GridWorld({
    map,
    straight: isSlippery ? 1 / 3 : 1,
    maxEpisodeSteps: large ? 200 : 100,
    rewardThreshold: large ? 0.85 : 0.7,
    id: large ? 'FrozenLake8x8-v1' : 'FrozenLake-v1',
  })
}

/** Along a cliff: example 6.6 of Sutton and Barto, "Reinforcement learning", 2018. −1 a step, −100 and back for a fall. */
export const cliffWalking = (): GridWorld =>
  new GridWorld({
    map: ['............', '............', '............', 'SCCCCCCCCCCG'],
    stepReward: -1,
    goalReward: -1,
    maxEpisodeSteps: 1000,
    id: 'CliffWalking-v0',
  })

/** The small world with a wall and a pit of Russell and Norvig, "Artificial intelligence", 2021, section 17.1: −0.04 a step, 80 % straight. */
export const gridWorld = (): GridWorld =>
  new GridWorld({
    map: ['...G', '.#.H', 'S...'],
    straight: 0.8,
    stepReward: -0.04,
    goalReward: 1,
    holeReward: -1,
    id: 'GridWorld-v0',
  })
