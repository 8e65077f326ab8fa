import { el } from '../plot/svg.js'
import { canvas } from './canvas.js'
import type { Dynamics } from './dynamics.js'
import type { RandomStream } from './random.js'
import { Box, Discrete } from './spaces.js'

const GRAVITY = 9.8 // m/s²
const CART = 1 // kg
const POLE = 0.1 // kg
const TOTAL = CART + POLE
const HALF_LENGTH = 0.5 // m
const FORCE = 10 // N
const STEP = 0.02 // s
const MOMENT = POLE * HALF_LENGTH
const MAX_ANGLE = (12 * 2 * Math.PI) / 360 // rad
const MAX_PLACE = 2.4 // m
const INFINITE = 3.4028234663852886e38

/**
 * A pole on a cart that is pushed left (0) or right (1); it must not fall, nor the cart leave the track. Reward 1 for every
 * step. State and observation: place (m), speed (m/s), angle (rad), angular speed (rad/s). With u = (F + m l ω² sin θ)/M,
 * α = (g sin θ − u cos θ)/(l (4/3 − m cos² θ/M)) and a = u − m l α cos θ/M, by Euler's method in steps of 0.02 s (Barto,
 * Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems", 1983;
 * constants of Gymnasium's CartPole-v1: 500 steps at most, solved at 475).
 */
export class CartPole implements Dynamics {
  readonly id = 'CartPole-v1'
  readonly observationSpace: Box = new Box(
    [-2 * MAX_PLACE, -INFINITE, -2 * MAX_ANGLE, -INFINITE],
    [2 * MAX_PLACE, INFINITE, 2 * MAX_ANGLE, INFINITE],
  )
  readonly actionSpace: Discrete = new Discrete(2)
  readonly maxEpisodeSteps = 500
  readonly rewardThreshold = 475
  readonly size = 4
  reward = 1

  begin(state: Float64Array, at: number, random: RandomStream): void {
    for (let i = 0; i < 4; i++) state[at + i] = random.uniform(-0.05, 0.05)
  }
  advance(state: Float64Array, at: number, action: number): boolean {
    const x = state[at]!
    const v = state[at + 1]!
    const angle = state[at + 2]!
    const turn = state[at + 3]!
    const cos = Math.cos(angle)
    const sin = Math.sin(angle)
    const u = ((action === 1 ? FORCE : -FORCE) + MOMENT * (turn * turn) * sin) / TOTAL
    const turning =
      (GRAVITY * sin - cos * u) / (HALF_LENGTH * (4 / 3 - (POLE * (cos * cos)) / TOTAL))
    const acceleration = u - (MOMENT * turning * cos) / TOTAL
    const place = x + STEP * v
    const lean = angle + STEP * turn
    state[at] = place
    state[at + 1] = v + STEP * acceleration
    state[at + 2] = lean
    state[at + 3] = turn + STEP * turning
    // A state that is not finite ends as well.
    return !(place >= -MAX_PLACE && place <= MAX_PLACE && lean >= -MAX_ANGLE && lean <= MAX_ANGLE)
  }
  observe(state: Float64Array, at: number, out: Float32Array, to: number): void {
    out[to] = state[at]!
    out[to + 1] = state[at + 1]!
    out[to + 2] = state[at + 2]!
    out[to + 3] = state[at + 3]!
  }
  render(state: Float64Array): string {
    const c = canvas(61, 9)
    c.line([0, 8], [60, 8], '_')
    const x = 30 + (state[0]! / MAX_PLACE) * 30
    c.line([x - 3, 7], [x + 3, 7], '#')
    // A character is about twice as high as wide.
    c.line([x, 6], [x + 12 * Math.sin(state[2]!), 6 - 6 * Math.cos(state[2]!)], 'o')
    return c.text()
  }
  readonly frameSize: readonly [number, number] = [600, 200]
  draw(state: Float64Array): string {
    const x = 300 + (state[0]! / MAX_PLACE) * 280
    const degrees = (state[2]! * 180) / Math.PI
    return [
      el('line', { x1: 0, x2: 600, y1: 170, y2: 170, stroke: '#999' }),
      el('rect', { x: x - 30, y: 150, width: 60, height: 26, rx: 4, fill: '#334155' }),
      el('line', {
        x1: x,
        x2: x,
        y1: 150,
        y2: 34,
        stroke: '#d97706',
        'stroke-width': 9,
        'stroke-linecap': 'round',
        transform: `rotate(${degrees.toFixed(2)} ${x.toFixed(2)} 150)`,
      }),
    ].join('')
  }
}
