import { type Curves, record } from '../engine/curves.js'
import type { Session } from '../engine/session.js'
import { build, loopGain, type Settings, weights } from './loop.program.js'

export interface Frame {
  /** The part of the loop: what the stages of this turn gave, and what came before. */
  loop?: {
    turn: number
    done: number
    guess: number[]
    errors: number[]
    loss: number | null
    gradient: number[]
    before: number[]
    after: number[]
    over: boolean
    line: { x: number[]; y: number[] }
    /** By turn: the loss before its correction, and the first weight. */
    history: Curves<'loss' | 'w'>
    /** How often the weight has passed its best value. */
    swings: number
  }
  points?: { x: number[]; y: number[] }
  names?: string[]
  bowl?: ReturnType<ReturnType<typeof build>['bowl']>
  gain?: ReturnType<typeof loopGain>
  /** The part of the tree. */
  weights?: Awaited<ReturnType<typeof weights>>
}

export async function create(s: Settings): Promise<Session<Frame>> {
  if (s.part === 'tree') {
    const found = await weights(s)
    return { fixed: { weights: found }, frame: () => ({}) }
  }
  const { now, x, y, names, stage, line, bowl } = build(s)
  const valley = bowl()
  const history: Curves<'loss' | 'w'> = { step: [], loss: [], w: [] }
  let swings = 0
  return {
    fixed: { points: { x, y }, names, bowl: valley, gain: loopGain(s) },
    advance(n) {
      let taken = 0
      while (taken < n && stage()) {
        taken++
        if (now.done === 2) record(history, now.turn, { loss: now.loss!, w: now.before[0]! })
        if (now.done === 4 && valley) {
          const [from, to] = [now.before[0]! - valley.best, now.after[0]! - valley.best]
          if (from * to < 0) swings++
        }
      }
      return taken
    },
    frame: () => ({ loop: { ...now, line: line(), history, swings } }),
  }
}
