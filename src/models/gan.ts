/** Generative adversarial networks: DCGAN's layout for pictures of 28x28, its step, and the step of Wasserstein's critic with a gradient penalty. */
import { ShapeError, show } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { gradients } from '../autograd/backward.js'
import { compile, type Compiled } from '../compile/compile.js'
import { LeakyReLU, ReLU, Tanh } from '../nn/activations.js'
import { Conv2d, ConvTranspose2d } from '../nn/conv.js'
import * as init from '../nn/init.js'
import { type Layer, Sequential } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { add, mul, sub } from '../ops/arithmetic.js'
import { reshape, sum } from '../ops/broadcast.js'
import { square, sqrt } from '../ops/functions.js'
import { binaryCrossEntropyWithLogits } from '../ops/loss/index.js'
import { mean } from '../ops/reduce.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import type { Optimizer } from '../optim/optimizer.js'
import { ones, zeros } from '../tensor/creation.js'
import { rand, randn } from '../tensor/random.js'

/**
 * DCGAN's initial values (Radford, Metz and Chintala, 2016), as `weights_init` of PyTorch's example: weights of convolutions
 * from N(0, 0.02²), those of batch normalization from N(1, 0.02²), its biases 0.
 */
export function initDCGAN<M extends Module>(model: M): M {
  for (const m of model.modules())
    if (m instanceof Conv2d || m instanceof ConvTranspose2d) init.normal(m.weight, 0, 0.02)
    else if (m instanceof BatchNorm2d && m.weight) {
      init.normal(m.weight, 1, 0.02)
      if (m.bias) init.zeros(m.bias)
    }
  return model
}

export interface GeneratorOptions {
  /** Numbers of the code; 100 unless given. */
  nz?: number
  /** Channels before the last layer; 64 unless given. */
  ngf?: number
  /** Channels of the pictures; 1 unless given. */
  nc?: number
}
const generatorNames: OptionNames<GeneratorOptions> = { nz: true, ngf: true, nc: true }

/**
 * DCGAN's generator for pictures of 28x28: transposed convolutions to 4x4, 7x7, 14x14 and 28x28 places, with batch
 * normalization and ReLU between them and tanh at the end. Names of the parameters (`main.0.weight`, …) and initial values are those of PyTorch's example.
 *
 * Shapes: (N, nz, 1, 1) or (N, nz) to (N, nc, 28, 28), from −1 to 1.
 * @throws ShapeError for codes of another size
 * @example new DCGANGenerator({ nz: 8, ngf: 4 }).forward(zeros([2, 8])).shape // [2, 1, 28, 28]
 */
export class DCGANGenerator extends Module {
  main: Sequential
  readonly nz: number
  constructor(options: GeneratorOptions = {}) {
    super()
    const { nz = 100, ngf = 64, nc = 1 } = checkOptions('DCGANGenerator', options, generatorNames)
    this.nz = nz
    const up = (from: number, to: number, kernel: number, stride: number, padding: number) =>
      new ConvTranspose2d(from, to, kernel, { stride, padding, bias: false })
    this.main = new Sequential(
      up(nz, 4 * ngf, 4, 1, 0), // (N, 4 ngf, 4, 4)
      new BatchNorm2d(4 * ngf),
      new ReLU(),
      up(4 * ngf, 2 * ngf, 3, 2, 1), // (N, 2 ngf, 7, 7)
      new BatchNorm2d(2 * ngf),
      new ReLU(),
      up(2 * ngf, ngf, 4, 2, 1), // (N, ngf, 14, 14)
      new BatchNorm2d(ngf),
      new ReLU(),
      up(ngf, nc, 4, 2, 1), // (N, nc, 28, 28)
      new Tanh(),
    )
    initDCGAN(this)
  }
  override forward(z: Tensor): Tensor {
    const { nz } = this
    const [n, size, ...places] = z.shape
    if (size !== nz || places.some((p) => p !== 1))
      throw new ShapeError({
        op: 'DCGANGenerator',
        rule: `codes are (N, ${nz}) or (N, ${nz}, 1, 1)`,
        got: show(z.shape),
      })
    return this.main.forward(reshape(z, [n!, nz, 1, 1]))
  }
  /** Pictures of n codes from N(0, I): (n, nc, 28, 28), from −1 to 1. */
  sample(n: number): Tensor {
    return this.forward(randn([n, this.nz]))
  }
}

export interface DiscriminatorOptions {
  /** Channels of the pictures; 1 unless given. */
  nc?: number
  /** Channels after the first layer; 64 unless given. */
  ndf?: number
  /** false leaves batch normalization away, which a gradient penalty forbids: it mixes the pictures of a batch. True unless given. */
  batchNorm?: boolean
}
const discriminatorNames: OptionNames<DiscriminatorOptions> = {
  nc: true,
  ndf: true,
  batchNorm: true,
}

/**
 * DCGAN's discriminator of pictures of 28x28: convolutions to 14x14, 7x7, 4x4 places and to one number, with leaky ReLU of slope 0.2. It gives
 * log-odds, without the sigmoid that PyTorch's example puts at its end: `binaryCrossEntropyWithLogits` is exact
 * where that saturates. Names and initial values are those of PyTorch's example. With `batchNorm: false` it is a critic.
 *
 * Shapes: (N, nc, 28, 28) to (N).
 * @throws ShapeError for pictures of another size
 * @example new DCGANDiscriminator({ ndf: 4 }).forward(zeros([2, 1, 28, 28])).shape // [2]
 */
export class DCGANDiscriminator extends Module {
  main: Sequential
  private readonly nc: number
  constructor(options: DiscriminatorOptions = {}) {
    super()
    const {
      nc = 1,
      ndf = 64,
      batchNorm = true,
    } = checkOptions('DCGANDiscriminator', options, discriminatorNames)
    this.nc = nc
    const layers: Layer[] = [
      new Conv2d(nc, ndf, 4, { stride: 2, padding: 1, bias: false }), // (N, ndf, 14, 14)
      new LeakyReLU(0.2),
    ]
    for (const [from, to, kernel] of [
      [ndf, 2 * ndf, 4], // (N, 2 ndf, 7, 7)
      [2 * ndf, 4 * ndf, 3], // (N, 4 ndf, 4, 4)
    ] as const)
      layers.push(
        new Conv2d(from, to, kernel, { stride: 2, padding: 1, bias: false }),
        ...(batchNorm ? [new BatchNorm2d(to)] : []),
        new LeakyReLU(0.2),
      )
    layers.push(new Conv2d(4 * ndf, 1, 4, { bias: false })) // (N, 1, 1, 1)
    this.main = new Sequential(...layers)
    initDCGAN(this)
  }
  override forward(x: Tensor): Tensor {
    const { nc } = this
    if (x.rank !== 4 || x.shape[1] !== nc || x.shape[2] !== 28 || x.shape[3] !== 28)
      throw new ShapeError({
        op: 'DCGANDiscriminator',
        rule: `pictures are (N, ${nc}, 28, 28)`,
        got: show(x.shape),
      })
    return reshape(this.main.forward(x), [x.shape[0]!])
  }
}

type Generative = Module & { forward(z: Tensor): Tensor; sample(n: number): Tensor }
type Judge = Module & { forward(x: Tensor): Tensor }

/** Networks that play against each other, and what moves them. */
export interface Adversaries {
  generator: Generative
  discriminator: Judge
  /** Of the generator's parameters. */
  optimizerG: Optimizer
  /** Of the discriminator's parameters. */
  optimizerD: Optimizer
}

/**
 * A step of a GAN as one program (Goodfellow and others, 2014; in the order of PyTorch's DCGAN example): the discriminator learns from a
 * real batch and from as many pictures of the generator, then the generator from the log-odds that the new discriminator
 * gives these pictures.
 * L_D = BCE(D(x), 1) + BCE(D(G(z)), 0), L_G = BCE(D(G(z)), 1).
 */
export function ganStep({
  generator,
  discriminator,
  optimizerG,
  optimizerD,
}: Adversaries): Compiled<[real: Tensor], [lossD: Tensor, lossG: Tensor]> {
  return compile((real: Tensor): [Tensor, Tensor] => {
    const n = real.shape[0]!
    const [one, zero] = [ones([n]), zeros([n])]
    const fake = generator.sample(n)
    optimizerD.zeroGrad()
    const lossD = add(
      binaryCrossEntropyWithLogits(discriminator.forward(real), one),
      binaryCrossEntropyWithLogits(discriminator.forward(fake.detach()), zero),
    )
    lossD.backward()
    optimizerD.step()
    optimizerG.zeroGrad()
    const lossG = binaryCrossEntropyWithLogits(discriminator.forward(fake), one)
    lossG.backward()
    optimizerG.step()
    // What the generator's loss gave the discriminator is not needed, and is so not computed.
    optimizerD.zeroGrad()
    return [lossD.detach(), lossG.detach()]
  })
}

/**
 * The penalty that keeps the slope of a critic near 1 (Gulrajani and others, Improved Training of Wasserstein GANs, 2017): mean of
 * (‖∇ critic(x̂)‖₂ − 1)² at x̂ = ε · real + (1 − ε) · fake, ε ~ U(0, 1) for each picture. Its own gradient is a gradient of a
 * gradient. Shapes: real and fake (N, ...), the result is a scalar.
 * @throws ShapeError for different shapes
 */
export function gradientPenalty(critic: Judge, real: Tensor, fake: Tensor): Tensor {
  if (!sameShape(real.shape, fake.shape))
    throw new ShapeError({
      op: 'gradientPenalty',
      rule: 'there must be as many real as generated pictures, of the same shape',
      got: `${show(real.shape)} and ${show(fake.shape)}`,
    })
  const mix = rand([real.shape[0]!, ...real.shape.slice(1).map(() => 1)])
  const [a, b] = [real.detach(), fake.detach()]
  const between = add(b, mul(mix, sub(a, b))).detach()
  between.requiresGrad = true
  const [slope] = gradients(sum(critic.forward(between)), [between], [], { createGraph: true })
  // The root has no derivative where the slope is 0.
  const length = sqrt(add(sum(square(reshape(slope!, [real.shape[0]!, -1])), 1), 1e-12))
  return mean(square(sub(length, 1)))
}

/**
 * The two steps of Wasserstein's GAN with gradient penalty, each one program: `critic` on a batch,
 * L = mean D(G(z)) − mean D(x) + lambda · penalty, several times for each `generator`, L = −mean D(G(z)), of n pictures.
 * `critic` gives the distance mean D(x) − mean D(G(z)), and the penalty.
 */
export function wganSteps(
  { generator, discriminator, optimizerG, optimizerD }: Adversaries,
  options: { lambda?: number } = {},
): {
  critic: Compiled<[real: Tensor], [distance: Tensor, penalty: Tensor]>
  generator: Compiled<[n: number], Tensor>
} {
  const { lambda = 10 } = checkOptions('wganSteps', options, ['lambda'])
  return {
    critic: compile((real: Tensor): [Tensor, Tensor] => {
      const fake = noGrad(() => generator.sample(real.shape[0]!))
      const distance = sub(mean(discriminator.forward(real)), mean(discriminator.forward(fake)))
      const penalty = gradientPenalty(discriminator, real, fake)
      optimizerD.zeroGrad()
      sub(mul(penalty, lambda), distance).backward()
      optimizerD.step()
      return [distance.detach(), penalty.detach()]
    }),
    generator: compile((n: number): Tensor => {
      const loss = mul(mean(discriminator.forward(generator.sample(n))), -1)
      optimizerG.zeroGrad()
      loss.backward()
      optimizerG.step()
      optimizerD.zeroGrad()
      return loss.detach()
    }),
  }
}
