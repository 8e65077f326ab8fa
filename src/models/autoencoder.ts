/** Autoencoders: dense, convolutional and variational. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { checkOptions, kinds, type OptionNames, readOptions } from '../core/options.js'
import { ReLU, Sigmoid } from '../nn/activations.js'
import { Conv2d, ConvTranspose2d } from '../nn/conv.js'
import { type Layer, Linear, Sequential } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { Flatten, Unflatten } from '../nn/shape.js'
import { add, mul, sub } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { exp, square } from '../ops/functions.js'
import { binaryCrossEntropyWithLogits } from '../ops/loss/index.js'
import { logsumexp } from '../ops/reduce.js'
import { noGrad } from '../ops/state.js'
import { stack } from '../ops/join.js'
import type { Tensor } from '../ops/tensor.js'
import { randn } from '../tensor/random.js'
import { mlp } from './mlp.js'

const few = (op: string, what: string, list: readonly number[], least: number): void => {
  if (list.length < least || !list.every((n) => Number.isInteger(n) && n > 0))
    throw new ValueError({
      op,
      rule: `${what} are at least ${least} whole numbers above 0`,
      got: `[${list.join(', ')}]`,
    })
}

export interface AutoencoderOptions {
  /** Units of each layer down to the code; [784, 512, 128, 32] unless given. */
  sizes?: readonly number[]
}
const denseNames: OptionNames<AutoencoderOptions> = { sizes: true }

/**
 * A dense autoencoder (Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, 2006): affine
 * maps with ReLU down to a code, and the same sizes back to pixels between 0 and 1.
 *
 * Shapes: (N, sizes[0]) to the same; the code is (N, sizes.at(-1)).
 * @throws ValueError for fewer than two sizes
 * @example new Autoencoder({ sizes: [784, 64, 8] }).encode(zeros([5, 784])).shape // [5, 8]
 */
export class Autoencoder extends Module {
  encoder: Sequential
  decoder: Sequential
  constructor(options: AutoencoderOptions = {}) {
    super()
    const { sizes = [784, 512, 128, 32] } = checkOptions('Autoencoder', options, denseNames)
    few('Autoencoder', 'sizes', sizes, 2)
    this.encoder = mlp(sizes, () => new ReLU())
    this.decoder = mlp([...sizes].reverse(), () => new ReLU())
    this.decoder.push(new Sigmoid())
  }
  encode(x: Tensor): Tensor {
    return this.encoder.forward(x)
  }
  decode(z: Tensor): Tensor {
    return this.decoder.forward(z)
  }
  override forward(x: Tensor): Tensor {
    return this.decode(this.encode(x))
  }
}

export interface ConvAutoencoderOptions {
  inChannels?: number
  /** Channels after each convolution, each of which halves the sides; [16, 32] unless given. */
  channels?: readonly number[]
  /** Numbers of the code; null keeps the last feature map as the code. 32 unless given. */
  latent?: number | null
  /** Rows and columns of a picture, divisible by 2 as often as there are convolutions; 28 unless given. */
  side?: number
}
const convNames: OptionNames<ConvAutoencoderOptions> = {
  inChannels: true,
  channels: true,
  latent: true,
  side: true,
}

/**
 * A convolutional autoencoder: convolutions of stride 2 down to a code, transposed ones back to pixels between 0 and 1.
 * With `latent: null` there is no narrow place: a network that removes noise.
 *
 * Shapes: (N, inChannels, side, side) to the same; the code is (N, latent).
 * @throws ValueError where the side cannot be halved so often
 * @example new ConvAutoencoder({ latent: 8 }).encode(zeros([5, 1, 28, 28])).shape // [5, 8]
 */
export class ConvAutoencoder extends Module {
  encoder: Sequential
  decoder: Sequential
  constructor(options: ConvAutoencoderOptions = {}) {
    super()
    const {
      inChannels = 1,
      channels = [16, 32],
      latent = 32,
      side = 28,
    } = checkOptions('ConvAutoencoder', options, convNames)
    few('ConvAutoencoder', 'channels', channels, 1)
    const small = side / 2 ** channels.length
    if (!Number.isInteger(small) || small < 1)
      throw new ValueError({
        op: 'ConvAutoencoder',
        rule: `the side must be divisible by ${2 ** channels.length}, a half for each of the ${channels.length} convolutions`,
        got: `${side}`,
      })
    const widths = [inChannels, ...channels]
    const [down, up]: [Layer[], Layer[]] = [[], []]
    for (let i = 1; i < widths.length; i++)
      down.push(
        new Conv2d(widths[i - 1]!, widths[i]!, 3, { stride: 2, padding: 1 }),
        ...(latent === null && i === widths.length - 1 ? [] : [new ReLU()]),
      )
    const deep = channels.at(-1)!
    if (latent !== null) {
      down.push(new Flatten(), new Linear(deep * small * small, latent))
      up.push(new Linear(latent, deep * small * small), new Unflatten(1, [deep, small, small]))
    }
    for (let i = widths.length - 1; i > 0; i--)
      up.push(
        new ReLU(),
        new ConvTranspose2d(widths[i]!, widths[i - 1]!, 4, { stride: 2, padding: 1 }),
      )
    this.encoder = new Sequential(...down)
    this.decoder = new Sequential(...up, new Sigmoid())
  }
  encode(x: Tensor): Tensor {
    return this.encoder.forward(x)
  }
  decode(z: Tensor): Tensor {
    return this.decoder.forward(z)
  }
  override forward(x: Tensor): Tensor {
    return this.decode(this.encode(x))
  }
}

/** What a variational autoencoder gives: log-odds of the pixels, and the normal distribution of the code. */
export interface VAEOutput {
  logits: Tensor
  mean: Tensor
  logVar: Tensor
  /** The code that was drawn. */
  z: Tensor
}

export interface VAEOptions {
  /** Pixels, hidden units, numbers of the code; [784, 400, 20] unless given. */
  sizes?: readonly number[]
}
const vaeNames: OptionNames<VAEOptions> = { sizes: true }

/**
 * A variational autoencoder with a Bernoulli distribution for each pixel (Kingma and Welling, Auto-Encoding Variational
 * Bayes, 2014): z ~ N(mean(x), exp(logVar(x))), drawn by `reparameterize`, and log-odds of the pixels from z. The layers have
 * the names of PyTorch's example: fc1, fc21, fc22, fc3, fc4.
 *
 * Shapes: x (N, D) to logits (N, D), mean, logVar and z (N, latent).
 * @throws ValueError unless there are three sizes: pixels, hidden units, numbers of the code
 * @example new VAE({ sizes: [784, 64, 2] }).encode(zeros([5, 784])).map((t) => t.shape) // [[5, 2], [5, 2]]
 */
export class VAE extends Module {
  fc1: Linear
  fc21: Linear
  fc22: Linear
  fc3: Linear
  fc4: Linear
  readonly latent: number
  constructor(options: VAEOptions = {}) {
    super()
    const { sizes = [784, 400, 20] } = checkOptions('VAE', options, vaeNames)
    few('VAE', 'sizes', sizes, 3)
    if (sizes.length !== 3)
      throw new ValueError({ op: 'VAE', rule: 'there are three sizes', got: `${sizes.length}` })
    const [pixels, hidden, latent] = sizes as [number, number, number]
    this.fc1 = new Linear(pixels, hidden)
    this.fc21 = new Linear(hidden, latent)
    this.fc22 = new Linear(hidden, latent)
    this.fc3 = new Linear(latent, hidden)
    this.fc4 = new Linear(hidden, pixels)
    this.latent = latent
  }
  encode(x: Tensor): [mean: Tensor, logVar: Tensor] {
    const h = this.fc1.forward(x).relu()
    return [this.fc21.forward(h), this.fc22.forward(h)]
  }
  /** Log-odds of the pixels. */
  decode(z: Tensor): Tensor {
    return this.fc4.forward(this.fc3.forward(z).relu())
  }
  override forward(x: Tensor): VAEOutput {
    const [mean, logVar] = this.encode(x)
    const z = reparameterize(mean, logVar)
    return { logits: this.decode(z), mean, logVar, z }
  }
  /** Pictures from n codes of the prior N(0, I): (n, D), probabilities of the pixels. */
  sample(n: number): Tensor {
    return noGrad(() => this.decode(randn([n, this.latent])).sigmoid())
  }
}

/**
 * z = mean + exp(logVar / 2) · ε with ε ~ N(0, I): a draw through which gradients flow to mean and logVar. Any shape.
 * @throws ShapeError for different shapes
 */
export function reparameterize(mean: Tensor, logVar: Tensor): Tensor {
  sameShapes('reparameterize', mean, logVar)
  return add(
    mean,
    mul(exp(mul(logVar, 0.5)), randn(mean.shape, { dtype: mean.dtype as 'float32' })),
  )
}

/**
 * KL(N(mean, exp(logVar)) ‖ N(0, I)) = −½ Σ (1 + logVar − mean² − exp(logVar)) for each row, in nats. (N, latent) to (N).
 * @throws ShapeError for different shapes
 * @example gaussianKL(tensor([[1, 0]]), tensor([[0, 0]])) // [0.5]
 */
export function gaussianKL(mean: Tensor, logVar: Tensor): Tensor {
  sameShapes('gaussianKL', mean, logVar)
  return mul(sum(sub(add(logVar, 1), add(square(mean), exp(logVar))), -1), -0.5)
}

/**
 * −ELBO of pictures x, in nats a picture: Σ BCE(logits, x) + beta · KL, the mean over the batch. −ELBO bounds −log p(x)
 * from above where x is 0 or 1 and beta is 1. (N, D) to a scalar.
 * @throws ShapeError for other pictures than the logits
 */
export function negativeELBO(
  { logits, mean, logVar }: Pick<VAEOutput, 'logits' | 'mean' | 'logVar'>,
  x: Tensor,
  options: { beta?: number } = {},
): Tensor {
  const { beta = 1 } = readOptions<{ beta?: number }>('negativeELBO', [options], {
    beta: kinds.number,
  })
  sameShapes('negativeELBO', logits, x)
  const pixels = binaryCrossEntropyWithLogits(logits, x, { reduction: 'sum' })
  const kl = sum(gaussianKL(mean, logVar))
  return mul(add(pixels, mul(kl, beta)), 1 / Math.max(1, x.shape[0] ?? 1))
}

/**
 * A lower bound of log p(x) in nats for each picture of zeros and ones, by k draws of the code (Burda, Grosse and
 * Salakhutdinov, Importance Weighted Autoencoders, 2016): log 1/k Σ p(x, zᵢ)/q(zᵢ | x). With k 1 its mean is the ELBO; it comes closer to
 * log p(x) with k. (N, D) to (N).
 * @throws ValueError unless k is a whole number above 0
 */
export function logLikelihoodBound(model: VAE, x: Tensor, k = 50): Tensor {
  if (!(Number.isInteger(k) && k > 0))
    throw new ValueError({
      op: 'logLikelihoodBound',
      rule: 'k is a whole number above 0',
      got: `${k}`,
    })
  return noGrad(() => {
    const [mean, logVar] = model.encode(x)
    const weights = Array.from({ length: k }, () => {
      const z = reparameterize(mean, logVar)
      const pixels = binaryCrossEntropyWithLogits(model.decode(z), x, { reduction: 'none' })
      // log N(z; 0, I) − log N(z; mean, var): the constants cancel.
      const odds = add(sub(mul(square(sub(z, mean)), exp(mul(logVar, -1))), square(z)), logVar)
      return sub(mul(sum(odds, -1), 0.5), sum(pixels, -1))
    })
    return sub(logsumexp(stack(weights), 0), Math.log(k))
  })
}

function sameShapes(op: string, a: Tensor, b: Tensor): void {
  if (!sameShape(a.shape, b.shape))
    throw new ShapeError({
      op,
      rule: 'both must have the same shape',
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
}
