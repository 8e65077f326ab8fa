import { el } from '../plot/svg.js'
import { canvas } from './canvas.js'
import type { Dynamics } from './dynamics.js'
import type { RandomStream } from './random.js'
import { Box, Discrete } from './spaces.js'

const STEP = 0.2 // s
const GRAVITY = 9.8 // m/s²
const LENGTH = 1 // m, of each link
const MASS = 1 // kg, of each link
const CENTRE = 0.5 // m from its joint
const INERTIA = 1 // kg m²
const MAX_SPEED = [4 * Math.PI, 9 * Math.PI] as const

/** Takes an angle into [−π, π]. */
function wrapped(angle: number): number {
  let x = angle
  while (x > Math.PI) x -= 2 * Math.PI
  while (x < -Math.PI) x += 2 * Math.PI
  return x
}
const kept = (x: number, bound: number) => Math.min(Math.max(x, -bound), bound)

/**
 * Two links that hang from a joint; the joint between them is turned by a torque of −1, 0 or 1 N m (actions 0, 1, 2) until
 * the free end is one length above the first joint. Reward −1 for every step, 0 at the end. Observation: cosine and sine
 * of both angles, both angular speeds. The equations are those of Sutton and Barto, "Reinforcement learning", 2018, section
 * 11.3 of the first edition (Sutton, "Generalization in reinforcement learning", 1996), solved by the fourth-order Runge-Kutta method in
 * steps of 0.2 s; Gymnasium's Acrobot-v1: 500 steps at most, solved at −100.
 */
export class Acrobot implements Dynamics {
  readonly id = 'Acrobot-v1'
  readonly observationSpace: Box = (() => {
    const high = [1, 1, 1, 1, ...MAX_SPEED]
    return new Box(
      high.map((v) => -v),
      high,
    )
  })()
  readonly actionSpace: Discrete = new Discrete(3)
  readonly maxEpisodeSteps = 500
  readonly rewardThreshold = -100
  readonly size = 4
  reward = -1
  private readonly slopes = [1, 2, 3, 4].map(() => new Float64Array(4))
  private readonly point = new Float64Array(4)

  begin(state: Float64Array, at: number, random: RandomStream): void {
    for (let i = 0; i < 4; i++) state[at + i] = random.uniform(-0.1, 0.1)
  }
  /** Time derivatives of both angles and both angular speeds. */
  private slope(s: Float64Array, torque: number, out: Float64Array): void {
    const [a1, a2, w1, w2] = s as unknown as [number, number, number, number]
    const cos = Math.cos(a2)
    const sin = Math.sin(a2)
    const d1 =
      MASS * CENTRE ** 2 +
      MASS * (LENGTH ** 2 + CENTRE ** 2 + 2 * LENGTH * CENTRE * cos) +
      2 * INERTIA
    const d2 = MASS * (CENTRE ** 2 + LENGTH * CENTRE * cos) + INERTIA
    const phi2 = MASS * CENTRE * GRAVITY * Math.cos(a1 + a2 - Math.PI / 2)
    const phi1 =
      -MASS * LENGTH * CENTRE * w2 * w2 * sin -
      2 * MASS * LENGTH * CENTRE * w2 * w1 * sin +
      (MASS * CENTRE + MASS * LENGTH) * GRAVITY * Math.cos(a1 - Math.PI / 2) +
      phi2
    const turning2 =
      (torque + (d2 / d1) * phi1 - MASS * LENGTH * CENTRE * w1 * w1 * sin - phi2) /
      (MASS * CENTRE ** 2 + INERTIA - (d2 * d2) / d1)
    out[0] = w1
    out[1] = w2
    out[2] = -(d2 * turning2 + phi1) / d1
    out[3] = turning2
  }
  advance(state: Float64Array, at: number, action: number): boolean {
    const { slopes, point } = this
    const torque = action - 1
    for (let k = 0; k < 4; k++) {
      const ahead = k === 0 ? 0 : k === 3 ? STEP : STEP / 2
      for (let i = 0; i < 4; i++)
        point[i] = state[at + i]! + (k === 0 ? 0 : ahead * slopes[k - 1]![i]!)
      this.slope(point, torque, slopes[k]!)
    }
    const [k1, k2, k3, k4] = slopes as [Float64Array, Float64Array, Float64Array, Float64Array]
    for (let i = 0; i < 4; i++)
      state[at + i] = state[at + i]! + (STEP / 6) * (k1[i]! + 2 * k2[i]! + 2 * k3[i]! + k4[i]!)
    state[at] = wrapped(state[at]!)
    state[at + 1] = wrapped(state[at + 1]!)
    state[at + 2] = kept(state[at + 2]!, MAX_SPEED[0])
    state[at + 3] = kept(state[at + 3]!, MAX_SPEED[1])
    const end = -Math.cos(state[at]!) - Math.cos(state[at + 1]! + state[at]!) > 1
    this.reward = end ? 0 : -1
    return end
  }
  observe(state: Float64Array, at: number, out: Float32Array, to: number): void {
    for (let i = 0; i < 2; i++) {
      out[to + 2 * i] = Math.cos(state[at + i]!)
      out[to + 2 * i + 1] = Math.sin(state[at + i]!)
      out[to + 4 + i] = state[at + 2 + i]!
    }
  }
  /** Places of the joint and of the free end, in lengths, the second axis upwards. */
  private static ends(state: Float64Array): [[number, number], [number, number]] {
    const [a1, a2] = [state[0]!, state[1]!]
    const joint: [number, number] = [Math.sin(a1), -Math.cos(a1)]
    return [joint, [joint[0] + Math.sin(a1 + a2), joint[1] - Math.cos(a1 + a2)]]
  }
  render(state: Float64Array): string {
    const c = canvas(41, 17)
    const at = ([x, y]: readonly [number, number]) => [20 + 8 * x, 8 - 4 * y] as const
    const [joint, end] = Acrobot.ends(state)
    c.line([0, 4], [40, 4], '-')
    c.line(at([0, 0]), at(joint), 'o')
    c.line(at(joint), at(end), '*')
    return c.text()
  }
  readonly frameSize: readonly [number, number] = [400, 400]
  draw(state: Float64Array): string {
    const at = ([x, y]: readonly [number, number]) => [200 + 85 * x, 200 - 85 * y] as const
    const [inner, outer] = Acrobot.ends(state)
    const [joint, end] = [at(inner), at(outer)]
    const link = (a: readonly number[], b: readonly number[], stroke: string) =>
      el('line', {
        x1: a[0],
        y1: a[1],
        x2: b[0],
        y2: b[1],
        stroke,
        'stroke-width': 10,
        'stroke-linecap': 'round',
      })
    return [
      el('line', { x1: 0, x2: 400, y1: 115, y2: 115, stroke: '#999', 'stroke-dasharray': '6 6' }),
      link([200, 200], joint, '#334155'),
      link(joint, end, '#d97706'),
    ].join('')
  }
}
