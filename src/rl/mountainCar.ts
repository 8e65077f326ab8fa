import { el } from '../plot/svg.js'
import { canvas } from './canvas.js'
import type { Dynamics } from './dynamics.js'
import type { RandomStream } from './random.js'
import { Box, Discrete } from './spaces.js'

const LEFT = -1.2
const RIGHT = 0.6
const MAX_SPEED = 0.07
const GOAL = 0.5
const FORCE = 0.001
const GRAVITY = 0.0025

const height = (x: number) => Math.sin(3 * x) * 0.45 + 0.55

/**
 * A car in a valley whose engine is too weak for the slope: it must swing up to the flag at 0.5. Push left (0), none (1)
 * or right (2); reward −1 for every step. State and observation: place and speed.
 * v ← v + 0.001 (a − 1) − 0.0025 cos 3x, x ← x + v, both kept within their bounds, and a car at the left wall stands
 * still (Moore, "Efficient memory-based learning for robot control", 1990; Gymnasium's MountainCar-v0: 200 steps at most,
 * solved at −110).
 */
export class MountainCar implements Dynamics {
  readonly id = 'MountainCar-v0'
  readonly observationSpace: Box = new Box([LEFT, -MAX_SPEED], [RIGHT, MAX_SPEED])
  readonly actionSpace: Discrete = new Discrete(3)
  readonly maxEpisodeSteps = 200
  readonly rewardThreshold = -110
  readonly size = 2
  reward = -1

  begin(state: Float64Array, at: number, random: RandomStream): void {
    state[at] = random.uniform(-0.6, -0.4)
    state[at + 1] = 0
  }
  advance(state: Float64Array, at: number, action: number): boolean {
    let v = state[at + 1]! + (action - 1) * FORCE + Math.cos(3 * state[at]!) * -GRAVITY
    v = Math.min(Math.max(v, -MAX_SPEED), MAX_SPEED)
    const x = Math.min(Math.max(state[at]! + v, LEFT), RIGHT)
    if (x === LEFT && v < 0) v = 0
    state[at] = x
    state[at + 1] = v
    return x >= GOAL && v >= 0
  }
  observe(state: Float64Array, at: number, out: Float32Array, to: number): void {
    out[to] = state[at]!
    out[to + 1] = state[at + 1]!
  }
  render(state: Float64Array): string {
    const c = canvas(61, 12)
    const column = (x: number) => ((x - LEFT) / (RIGHT - LEFT)) * 60
    const row = (x: number) => 11 - height(x) * 10
    for (let i = 0; i <= 60; i++) c.dot([i, row(LEFT + (i / 60) * (RIGHT - LEFT))], '.')
    c.dot([column(GOAL), row(GOAL) - 1], 'P')
    c.dot([column(state[0]!), row(state[0]!)], '@')
    return c.text()
  }
  readonly frameSize: readonly [number, number] = [600, 300]
  draw(state: Float64Array): string {
    const at = (x: number) => [((x - LEFT) / (RIGHT - LEFT)) * 600, 280 - height(x) * 240] as const
    const curve = Array.from({ length: 61 }, (_, i) => at(LEFT + (i / 60) * (RIGHT - LEFT)))
    const [fx, fy] = at(GOAL)
    const [x, y] = at(state[0]!)
    return [
      el('polyline', {
        points: curve.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(' '),
        fill: 'none',
        stroke: '#999',
        'stroke-width': 2,
      }),
      el('path', { d: `M${fx} ${fy}v-40l24 10l-24 10`, fill: '#d97706', stroke: '#d97706' }),
      el('circle', { cx: x, cy: y - 10, r: 10, fill: '#334155' }),
    ].join('')
  }
}
