import { manualSeed } from 'nabla'
import { type Curves, record } from '../engine/curves.js'
import type { Session } from '../engine/session.js'
import { build, ROUND, REACH, SIDE, type Settings, world } from './cartpole.program.js'

/** Steps in the world after which the training ends. */
const MOST = 400_000
export interface Frame {
  side: number
  reach: { angle: number; turn: number }
  /** The probability of a push to the right, row by row from the fastest turn to the right. */
  right: Float32Array
  /** Pushes that the agent expects before the pole falls, discounted. */
  values: Float32Array
  /** Over steps in the world: mean return of the last 100 and of the last 10 episodes; episodes so far. */
  history: Curves<'mean' | 'last' | 'episodes'>
}
/** What a page hears of one push. */
export interface Pushed {
  state: number[]
  over: boolean
}

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const { agent, look, episode } = build(s)
  const history: Frame['history'] = { step: [], mean: [], last: [], episodes: [] }
  const own = world()
  own.reset({ seed: s.seed })
  let over = false
  return {
    model: agent.policy,
    fixed: { side: SIDE, reach: REACH },
    advance(n) {
      let taken = 0
      for (; taken < n && agent.steps < MOST; taken++) {
        agent.learn({ steps: ROUND })
        const { returns } = agent
        if (returns.length === 0) continue
        const tail = returns.slice(-10)
        record(history, agent.steps, {
          mean: agent.meanReturn,
          last: tail.reduce((a, b) => a + b) / tail.length,
          episodes: returns.length,
        })
      }
      return taken
    },
    frame: () => ({ ...look(), history }),
    ask: {
      /** Whole episodes travel: drawing them needs no answer for each push. */
      episode: (seed: number) => Float64Array.from(episode(seed)),
      /** Pushes the cart of the user; a pole that has fallen is set up again. */
      push(action: number): Pushed {
        if (over) {
          own.reset()
          over = false
        } else {
          const [, , fallen, late] = own.step(action === 1 ? 1 : 0)
          over = fallen || late
        }
        return { state: [...own.state], over }
      },
    },
  }
}
