// @ts-check
import {
  compile,
  concat,
  cos,
  indexSelect,
  manualSeed,
  noGrad,
  rand,
  randint,
  randn,
  sin,
  stack,
} from 'nabla'
import { DCGANDiscriminator, DCGANGenerator, ganStep, mlp, wganSteps } from 'nabla/models'
import * as nn from 'nabla/nn'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @import { ImageDataset } from 'nabla/data' */
/** @typedef {{ data: 'ring' | 'grid' | 'moons' | 'digits', loss: 'gan' | 'wgan', rate: number, seed: number }} Settings */

const TRAIN = 10000
/** Numbers of a code. */
const CODE = { points: 8, digits: 16 }
const BATCH = { points: 128, digits: 32 }

/** The middles of the spots. @param {Settings} s @returns {[number, number][]} */
export function spots({ data }) {
  if (data === 'ring')
    return Array.from({ length: 8 }, (_, i) => {
      const angle = (i * Math.PI) / 4
      return [2 * Math.cos(angle), 2 * Math.sin(angle)]
    })
  if (data === 'grid')
    return Array.from({ length: 9 }, (_, i) => [2 * ((i % 3) - 1), 2 * (Math.floor(i / 3) - 1)])
  return []
}
/** The share of spots near which at least a hundredth of the points lie. @param {[number, number][]} middles @param {number[][]} points */
export const reached = (middles, points) =>
  middles.filter(
    ([a, b]) =>
      points.filter(([x = 0, y = 0]) => Math.hypot(x - a, y - b) < 0.35).length >=
      points.length / 100,
  ).length

/** Real points (n, 2). @param {Settings} s @param {number} n */
function points(s, n) {
  const noise = randn([n, 2]).mul(0.08)
  if (s.data === 'ring') {
    const angle = randint(0, 8, [n])
      .cast('float32')
      .mul(Math.PI / 4)
    return stack([cos(angle), sin(angle)], 1)
      .mul(2)
      .add(noise)
  }
  if (s.data === 'grid') return randint(0, 3, [n, 2]).cast('float32').sub(1).mul(2).add(noise)
  // Two half circles, one in the other.
  const angle = rand([n / 2]).mul(Math.PI)
  const [x, y] = [cos(angle).mul(1.6), sin(angle).mul(1.6)]
  const upper = stack([x.sub(0.8), y.sub(0.4)], 1)
  return concat([upper, upper.mul(-1)], 0).add(noise)
}

/** Points from noise. */
class Generator extends nn.Module {
  net = mlp([CODE.points, 64, 64, 2], () => new nn.ReLU())
  /** @param {Tensor} z */
  forward(z) {
    return this.net.forward(z)
  }
  /** @param {number} n */
  sample(n) {
    return this.forward(randn([n, CODE.points]))
  }
}
/** Log-odds that a point is real. */
class Discriminator extends nn.Module {
  net = mlp([2, 64, 64, 1], () => new nn.LeakyReLU(0.2))
  /** @param {Tensor} x */
  forward(x) {
    return this.net.forward(x).reshape([-1])
  }
}

/** @param {Settings} s @param {ImageDataset | null} digits with images of (1, 28, 28) from -1 to 1 */
export function build(s, digits) {
  const kind = digits ? 'digits' : 'points'
  const pictures = digits?.batch(Array.from({ length: TRAIN }, (_, i) => i))[0]
  const generator = digits ? new DCGANGenerator({ nz: CODE.digits, ngf: 8 }) : new Generator()
  const discriminator = digits
    ? new DCGANDiscriminator({ ndf: 8, batchNorm: s.loss === 'gan' })
    : new Discriminator()
  const adam = (/** @type {nn.Module} */ m) =>
    new Adam(m.parameters(), { lr: s.rate, betas: [0.5, 0.9] })
  const players = {
    generator,
    discriminator,
    optimizerG: adam(generator),
    optimizerD: adam(discriminator),
  }
  const n = BATCH[kind]
  const real = compile((/** @type {number} */ n) =>
    pictures ? indexSelect(pictures, 0, randint(0, TRAIN, [n])) : points(s, n),
  )
  const both = ganStep(players)
  const wasserstein = wganSteps(players)
  const codes = randn([digits ? 40 : 512, CODE[kind]])
  const believes = compile((/** @type {Tensor} */ x) => discriminator.forward(x))
  return {
    model: new nn.ModuleDict({ generator, discriminator }),
    /** Some of the real data, to be shown. */
    some: real(codes.shape[0] ?? 0),
    /** One step of both players, gives their losses. @returns {[number, number]} */
    step() {
      if (s.loss === 'gan') {
        const [lossD, lossG] = both(real(n))
        return [lossD.item(), lossG.item()]
      }
      // The critic must be ahead of the generator.
      let distance = 0
      for (let i = 0; i < 3; i++) distance = wasserstein.critic(real(n))[0].item()
      return [-distance, wasserstein.generator(n).item()]
    },
    /** What the generator makes of the same codes each time. */
    samples() {
      generator.eval()
      const made = noGrad(() => generator.forward(codes))
      generator.train()
      return made
    },
    /** How real the discriminator holds what it sees: log-odds, or the score of the critic. @param {Tensor} x */
    believes: (x) => noGrad(() => believes(x)),
  }
}

/** @param {Settings} s */
export async function main(s) {
  const digits =
    s.data === 'digits'
      ? (await import('nabla/data')).mnist({ shape: [1, 28, 28], mean: 0.5, std: 0.5 }).train
      : null
  manualSeed(s.seed)
  const { step, samples } = build(s, digits)
  for (let i = 0; i < 3; i++) {
    let losses = [0, 0]
    for (let k = 0; k < 100; k++) losses = step()
    console.log(`after ${(i + 1) * 100} steps: losses D ${losses[0]}, G ${losses[1]}`)
  }
  if (!digits) {
    const made = /** @type {number[][]} */ (samples().toArray())
    console.log(`spots reached: ${reached(spots(s), made)} of ${spots(s).length}`)
  }
}
