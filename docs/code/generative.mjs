import { compile, manualSeed, mseLoss, rand, randn, tensor } from 'nabla'
import { mnist } from 'nabla/data'
import {
  Autoencoder,
  DCGANDiscriminator,
  DCGANGenerator,
  ganStep,
  gaussianKL,
  negativeELBO,
  VAE,
  wganSteps,
} from 'nabla/models'
import { Adam } from 'nabla/optim'
import { frechetDistance } from 'nabla/train'

manualSeed(0)

// #region autoencoder
const [x] = mnist().train.batch(Int32Array.from({ length: 256 }, (_, i) => i)) // (256, 784)
const model = new Autoencoder({ sizes: [784, 64, 16] })
const optimizer = new Adam(model.parameters(), { lr: 0.003 })
const step = compile(() => {
  const loss = mseLoss(model.forward(x), x)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
const first = step().item()
for (let i = 0; i < 200; i++) step()
console.log(first > 2 * step().item(), model.encode(x).shape) //> true [ 256, 16 ]
// #endregion autoencoder

// #region vae
const vae = new VAE({ sizes: [784, 100, 2] })
const { logits, mean, logVar, z } = vae.forward(x) // z = mean + exp(logVar / 2) · noise
console.log(logits.shape, z.shape) //> [ 256, 784 ] [ 256, 2 ]
console.log(negativeELBO({ logits, mean, logVar }, x).shape) //> []
console.log(gaussianKL(tensor([[1, 0]]), tensor([[0, 0]])).toArray()) //> [ 0.5 ]
console.log(vae.sample(3).shape) //> [ 3, 784 ]
// #endregion vae

// #region gan
const generator = new DCGANGenerator({ nz: 16, ngf: 4 }) // (N, 16) to (N, 1, 28, 28), from −1 to 1
const discriminator = new DCGANDiscriminator({ ndf: 4 }) // to (N) log-odds
const adam = (m) => new Adam(m.parameters(), { lr: 2e-4, betas: [0.5, 0.999] })
const play = ganStep({
  generator,
  discriminator,
  optimizerG: adam(generator),
  optimizerD: adam(discriminator),
})
const real = rand([8, 1, 28, 28]).mul(2).sub(1)
const [lossD, lossG] = play(real)
console.log(lossD.item() > 0, lossG.item() > 0) //> true true
// #endregion gan

// #region wgan
const critic = new DCGANDiscriminator({ ndf: 4, batchNorm: false })
const steps = wganSteps({
  generator,
  discriminator: critic,
  optimizerG: adam(generator),
  optimizerD: adam(critic),
})
const [distance, penalty] = steps.critic(real)
console.log(distance.shape, penalty.item() > 0) //> [] true
// #endregion wgan

// #region frechet
const features = randn([500, 4])
console.log(frechetDistance(features, features) < 1e-9) //> true
console.log(Math.round(frechetDistance(features, features.add(2)))) //> 16
// #endregion frechet
