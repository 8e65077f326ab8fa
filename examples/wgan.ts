/**
 * Wasserstein's GAN with gradient penalty (Gulrajani and others, 2017): a critic whose slope is held near 1, by a gradient of a
 * gradient inside of one compiled step; judged as the DCGAN of gan.ts.
 */
import { DCGANDiscriminator, DCGANGenerator, wganSteps } from 'nabla/models'
import { Adam } from 'nabla/optim'
import { lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import { judgeOf, painter, WIDTH } from './gan.js'

export default {
  name: 'wgan',
  about:
    'Wasserstein’s GAN with gradient penalty on digits: a gradient of a gradient in one program',
  data: 'the folder of the four IDX files of MNIST',
  defaults: { epochs: 4, batchSize: 64, lr: 0.0005 },
  options: { critic: { about: 'steps of the critic for each of the generator', default: '3' } },
  expect: { covered: { atLeast: 10 }, frechet: { atMost: 120 }, withSamples: { atLeast: 0.88 } },
  painter,
  async run(s) {
    const { lr, epochs, own = {} } = s.options
    const { train, loader, study } = await judgeOf(s)
    const generator = new DCGANGenerator({ ngf: WIDTH })
    const discriminator = new DCGANDiscriminator({ ndf: WIDTH, batchNorm: false })
    const adam = (m: DCGANGenerator | DCGANDiscriminator) =>
      new Adam(m.parameters(), { lr, betas: [0, 0.9] })
    const [optimizerG, optimizerD] = [adam(generator), adam(discriminator)]
    const steps = wganSteps({ generator, discriminator, optimizerG, optimizerD })
    const every = Number(own.critic)
    const history: Record<string, number[]> = { distance: [], penalty: [] }
    let count = 0
    for (let epoch = 0; epoch < epochs; epoch++) {
      let [far, slope] = [0, 0]
      for (const [real] of loader) {
        const [distance, penalty] = steps.critic(real)
        far += distance.item() / loader.length
        slope += penalty.item() / loader.length
        if (++count % every === 0) steps.generator(real.shape[0]!)
      }
      history.distance!.push(far)
      history.penalty!.push(slope)
      study.epoch(generator, { distance: far, penalty: slope })
    }
    await s.picture(
      'critic.svg',
      lineChart(history, {
        title: 'Wasserstein distance by the critic, and its penalty',
        x: 'epoch',
      }),
    )
    const measures = await study.end(generator, train)
    return { ...measures, penalty: history.penalty!.at(-1)! }
  },
} satisfies Recipe
