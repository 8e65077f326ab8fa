import type { Session } from '../engine/session.js'
import { exact, learn, make, type Settings } from './gridworld.program.js'

const MOST = 2000
export interface Frame {
  /** Rows of squares: S start, G goal, H hole, C cliff, # wall. */
  map: string[]
  /** Of each square the values of left, down, right, up. */
  values: Float64Array
  exact: Float64Array
  returns: Float64Array
}

export function create(s: Settings): Session<Frame> {
  let episodes = 0
  return {
    fixed: { map: [...make(s).map], exact: Float64Array.from(exact(s).values) },
    advance(n) {
      const taken = Math.min(n, MOST - episodes)
      episodes += taken
      return taken
    },
    // The table after n episodes is that of a run of n episodes: the seed is the same.
    frame: () => {
      if (episodes > 0) return learn(s, episodes)
      return {
        values: new Float64Array(make(s).map.join('').length * 4),
        returns: new Float64Array(0),
      }
    },
  }
}
