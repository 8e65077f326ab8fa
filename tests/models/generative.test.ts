/** Autoencoders, GANs and their measures: against PyTorch and SciPy, and by what they promise. */
import {
  availableBackends,
  binaryCrossEntropyWithLogits,
  compile,
  gradients,
  manualSeed,
  noGrad,
  ones,
  rand,
  randn,
  setBackend,
  type Tensor,
  tensor,
  zeros,
} from 'nabla'
import { DataLoader, mnist, SelfTargetDataset, Subset, TensorDataset } from 'nabla/data'
import * as models from 'nabla/models'
import type { Module } from 'nabla/nn'
import { Adam, SGD } from 'nabla/optim'
import {
  classCoverage,
  featureStatistics,
  frechetDistance,
  gaussianFrechetDistance,
} from 'nabla/train'
import { peakSignalNoiseRatio } from 'nabla/vision'
import { afterEach, describe, expect, test } from 'vitest'
import { expectClose, golden, revive } from '../golden/fixture.js'

type Runnable = Module & { forward(x: Tensor): Tensor }
interface Case {
  kind: string
  args: unknown[]
  state: Record<string, Tensor>
  input: Tensor
  inputs: Tensor[]
  x: Tensor
  beta: number
  temperature: number
  out: Tensor & number
  ct: Tensor
  grads: Record<string, Tensor> & Tensor[]
}
const cases = golden('generative')
const of = (...kinds: string[]) =>
  cases.filter((c) => kinds.includes(c.kind as string)).map((c) => [c.name, c] as const)
const made = (kind: string, args: readonly unknown[]): Runnable =>
  new (models as unknown as Record<string, new (...a: unknown[]) => Runnable>)[kind]!(...args)

const backend = setBackend
afterEach(() => backend(availableBackends()[0]!))

describe.each([false, true])('compiled: %s', (compiled) => {
  const call = <T>(f: () => T): T => (compiled ? compile(f)() : f())
  const networks = ['DCGANGenerator', 'DCGANDiscriminator', 'Autoencoder', 'ConvAutoencoder']
  test.each(of(...networks))('%s', (_, raw) => {
    const c = revive(raw) as unknown as Case
    const model = made(c.kind, c.args)
    model.loadStateDict(c.state, { strict: false })
    const names = model.namedParameters().map(([n]) => n)
    expect(names).toEqual(Object.keys(c.grads))
    const [y, ...grads] = call(() => {
      const out = model.forward(c.input)
      return [out, ...gradients([out], model.parameters(), [c.ct])]
    })
    expectClose(y!, c.out)
    names.forEach((n, i) => {
      expectClose(grads[i]!, c.grads[n]!, 3e-4, `gradient of ${n}`)
    })
  })

  test.each(of('gaussianKL', 'negativeELBO', 'ntXentLoss', 'gramMatrix'))('%s', (_, raw) => {
    const c = revive(raw) as unknown as Case
    const leaves = c.inputs.map((t) => {
      t.requiresGrad = true
      return t
    })
    const [y, ...grads] = call(() => {
      const [a, m, v] = leaves as [Tensor, Tensor, Tensor]
      const losses: Record<string, () => Tensor> = {
        gaussianKL: () => models.gaussianKL(a, m),
        negativeELBO: () =>
          models.negativeELBO({ logits: a, mean: m, logVar: v }, c.x, { beta: c.beta }),
        ntXentLoss: () => models.ntXentLoss(a, m, { temperature: c.temperature }),
        gramMatrix: () => models.gramMatrix(a).square(),
      }
      const out = losses[c.kind]!()
      return [out, ...gradients([out.sum()], leaves)]
    })
    expectClose(y!, c.out)
    ;(c.grads as Tensor[]).forEach((g, i) => {
      expectClose(grads[i]!, g)
    })
  })

  test.each(of('gradientPenalty'))('%s: a gradient of a gradient', (_, raw) => {
    const c = revive(raw) as unknown as Case
    const critic = made('DCGANDiscriminator', c.args)
    critic.loadStateDict(c.state)
    const [value, ...grads] = call(() => {
      const out = models.gradientPenalty(critic, c.x, c.x)
      return [out, ...gradients([out], critic.parameters())]
    })
    expectClose(value!, c.out)
    Object.values(c.grads).forEach((g, i) => {
      expectClose(grads[i]!, g as Tensor, 5e-4)
    })
  })
})

describe('Fréchet distance', () => {
  test.each(of('frechetDistance'))('%s', (_, raw) => {
    const { inputs, out } = revive(raw) as unknown as Case
    const [a, b] = inputs as [Tensor, Tensor]
    // SciPy's root loses digits where the product of the covariances is singular.
    const within = 1e-5 * Math.max(1, out)
    expect(Math.abs(frechetDistance(a, b) - out)).toBeLessThan(within)
    expect(Math.abs(frechetDistance(b, a) - out)).toBeLessThan(within)
  })
  test('is that of the formula where covariances commute', () => {
    const gaussian = (m: number[], v: number[]) => ({
      mean: tensor(m),
      covariance: tensor(v.map((x, i) => v.map((_, j) => (i === j ? x : 0)))),
    })
    const d = gaussianFrechetDistance(gaussian([0, 1], [4, 9]), gaussian([3, 1], [1, 0]))
    expect(d).toBeCloseTo(9 + (2 - 1) ** 2 + 3 ** 2, 10)
  })
  test('says what it wants', () => {
    const good = zeros([3, 2])
    expect(() => frechetDistance(zeros([1, 2]), good)).toThrow('at least two examples')
    expect(() => frechetDistance(zeros([3]), good)).toThrow('(N, D)')
    expect(() => frechetDistance(zeros([3, 3]), good)).toThrow('must have means (D)')
    expect(() => featureStatistics(zeros([3, 2], { dtype: 'int32' }))).toThrow('floating-point')
    expect(() => frechetDistance(tensor([[1], [Number.NaN]]), tensor([[1], [2]]))).toThrow('finite')
  })
  test('classes that are missing, and labels that do not exist', () => {
    const labels = (list: number[]) => tensor(list, { dtype: 'int32' })
    const { shares, covered } = classCoverage(labels([0, 1, 1, 1]), 3)
    expect([shares, covered]).toEqual([[0.25, 0.75, 0], 2])
    expect(classCoverage(labels([0, 1, 1, 1]), 3, 0.5).covered).toBe(1)
    expect(() => classCoverage(labels([3]), 3)).toThrow('from 0 to 2')
    expect(() => classCoverage(labels([]), 3)).toThrow('must be labels')
  })
})

describe('variational autoencoder', () => {
  test('draws have the mean and the variance that they say, and the gradients of both', () => {
    manualSeed(3)
    const mean = tensor([[2, -1]])
      .expand([20_000, 2])
      .mul(1)
    const logVar = tensor([[0, Math.log(4)]])
      .expand([20_000, 2])
      .mul(1)
    const z = models.reparameterize(mean, logVar)
    const [m, s] = [z.mean(0).toArray(), z.std(0).toArray()] as [number[], number[]]
    expect([m[0], m[1], s[0], s[1]].map((v) => Number(v!.toFixed(1)))).toEqual([2, -1, 1, 2])
    const [a, v] = [zeros([3, 2]), zeros([3, 2])]
    a.requiresGrad = true
    v.requiresGrad = true
    manualSeed(5)
    const drawn = models.reparameterize(a, v)
    const [da, dv] = gradients([drawn.sum()], [a, v])
    expectClose(da!, ones([3, 2]))
    // dz/dlogVar = ε/2.
    expectClose(dv!, drawn.detach().mul(0.5))
  })
  test('the bound of one draw is the ELBO in the mean, and more draws come closer to log p(x)', () => {
    manualSeed(1)
    const model = new models.VAE({ sizes: [6, 8, 2] })
    const x = rand([400, 6]).lt(0.4).to('float32')
    const bound = (k: number) => models.logLikelihoodBound(model, x, k).mean().item()
    const elbo = -noGrad(() => models.negativeELBO(model.forward(x), x)).item()
    expect(Math.abs(bound(1) - elbo)).toBeLessThan(0.1)
    // log p(x) itself, by draws from the prior.
    const z = randn([4000, 2])
    const logs = noGrad(() => model.decode(z))
    const each = x.toArray() as number[][]
    const exact = each.slice(0, 20).map((row) => {
      const pixels = binaryCrossEntropyWithLogits(logs, tensor([row]).expand([4000, 6]), {
        reduction: 'none',
      })
      return pixels.sum(1).neg().logsumexp(0).item() - Math.log(4000)
    })
    const many = models.logLikelihoodBound(model, x.narrow(0, 0, 20), 1000).toArray() as number[]
    many.forEach((v, i) => {
      expect(Math.abs(v - exact[i]!)).toBeLessThan(0.12)
    })
    const middle = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length
    expect(Math.abs(middle(many) - middle(exact))).toBeLessThan(0.02)
    expect(bound(50)).toBeGreaterThan(elbo)
  })
  test('wrong shapes and sizes', () => {
    expect(() => models.reparameterize(zeros([2]), zeros([3]))).toThrow('[reparameterize]')
    expect(() => models.gaussianKL(zeros([2]), zeros([3]))).toThrow('same shape')
    expect(() => new models.VAE({ sizes: [4, 2] })).toThrow('at least 3')
    expect(() => new models.VAE({ sizes: [4, 2, 2, 1] })).toThrow('three sizes')
    expect(() => new models.Autoencoder({ sizes: [4] })).toThrow('at least 2')
    expect(() => new models.ConvAutoencoder({ side: 30 })).toThrow('divisible by 4')
    expect(() => models.logLikelihoodBound(new models.VAE(), zeros([1, 784]), 0)).toThrow('above 0')
  })
})

describe('adversaries', () => {
  const pair = (batchNorm: boolean) => ({
    generator: new models.DCGANGenerator({ nz: 4, ngf: 2 }),
    discriminator: new models.DCGANDiscriminator({ ndf: 2, batchNorm }),
  })
  test('a compiled step of a GAN is the one written out, number by number', () => {
    const run = (compiled: boolean) => {
      manualSeed(11)
      const { generator, discriminator } = pair(true)
      const [optimizerG, optimizerD] = [generator, discriminator].map(
        (m) => new Adam(m.parameters(), { lr: 0.01, betas: [0.5, 0.999] }),
      ) as [Adam, Adam]
      const step = models.ganStep({ generator, discriminator, optimizerG, optimizerD })
      const real = rand([6, 1, 28, 28])
      const written = (x: Tensor) => {
        const n = x.shape[0]!
        const bce = binaryCrossEntropyWithLogits
        const fake = generator.forward(randn([n, 4]))
        optimizerD.zeroGrad()
        const one = bce(discriminator.forward(x), ones([n]))
        const two = bce(discriminator.forward(fake.detach()), zeros([n]))
        one.backward()
        two.backward()
        optimizerD.step()
        optimizerG.zeroGrad()
        const lossG = bce(discriminator.forward(fake), ones([n]))
        lossG.backward()
        optimizerG.step()
        return [one.add(two), lossG] as const
      }
      const losses = Array.from({ length: 3 }, () =>
        (compiled ? step : written)(real).map((l) => l.item()),
      ).flat()
      const weights = [...generator.parameters(), ...discriminator.parameters()]
      return { losses, sums: weights.map((p) => p.abs().sum().item()) }
    }
    const [a, b] = [run(true), run(false)]
    a.losses.forEach((v, i) => {
      expect(v).toBeCloseTo(b.losses[i]!, 4)
    })
    a.sums.forEach((v, i) => {
      expect(Math.abs(v / b.sums[i]! - 1)).toBeLessThan(1e-3)
    })
  })
  test("Wasserstein's steps: the critic widens the distance, and its slope stays near 1", () => {
    manualSeed(2)
    const { generator, discriminator } = pair(false)
    const adam = (m: Module) => new Adam(m.parameters(), { lr: 0.002, betas: [0, 0.9] })
    const [optimizerG, optimizerD] = [adam(generator), adam(discriminator)]
    // Pictures of noise lie far from gray ones, so that a weak penalty would let the slope grow.
    const steps = models.wganSteps(
      { generator, discriminator, optimizerG, optimizerD },
      { lambda: 200 },
    )
    const real = rand([16, 1, 28, 28]).gt(0.7).to('float32').mul(2).sub(1)
    const first = steps.critic(real).map((t) => t.item()) as [number, number]
    let last = first
    for (let i = 0; i < 150; i++) last = steps.critic(real).map((t) => t.item()) as [number, number]
    expect(first[1]).toBeGreaterThan(0.8)
    expect(last[1]).toBeLessThan(0.15)
    expect(last[0]).toBeGreaterThan(first[0] + 0.3)
    const before = steps.generator(16).item()
    for (let i = 0; i < 30; i++) steps.generator(16)
    expect(steps.generator(16).item()).toBeLessThan(before)
    expect(steps.critic.traces).toBe(1)
    expect(discriminator.parameters().every((p) => p.grad === null)).toBe(true)
  })
  test('initial values are those of the paper', () => {
    manualSeed(0)
    const g = new models.DCGANGenerator({ ngf: 16 })
    const state = g.stateDict()
    expect(Object.keys(state)[0]).toBe('main.0.weight')
    expect(state['main.3.weight']!.std().item()).toBeCloseTo(0.02, 3)
    expect(state['main.4.weight']!.mean().item()).toBeCloseTo(1, 1)
    expect(state['main.4.bias']!.abs().sum().item()).toBe(0)
    expect(g.sample(2).shape).toEqual([2, 1, 28, 28])
  })
  test('pictures and codes of another size', () => {
    const { generator, discriminator } = pair(true)
    expect(() => generator.forward(zeros([2, 5]))).toThrow('codes are (N, 4)')
    expect(() => generator.forward(zeros([2, 4, 2, 1]))).toThrow('(N, 4, 1, 1)')
    expect(() => discriminator.forward(zeros([2, 1, 32, 32]))).toThrow('(N, 1, 28, 28)')
    expect(() => discriminator.forward(zeros([1, 28, 28]))).toThrow('(N, 1, 28, 28)')
    expect(() =>
      models.gradientPenalty(discriminator, zeros([2, 1, 28, 28]), zeros([3, 1, 28, 28])),
    ).toThrow('as many real as generated')
  })
})

describe('contrastive loss and Gram matrices', () => {
  test('codes of one direction are as near as can be', () => {
    const a = tensor([
      [1, 0],
      [0, 1],
    ])
    const near = models.ntXentLoss(a, a.mul(7), { temperature: 0.05 }).item()
    expect(near).toBeLessThan(1e-6)
    expect(models.ntXentLoss(a, a.flip([0]), { temperature: 0.05 }).item()).toBeGreaterThan(10)
  })
  test('say what they want', () => {
    expect(() => models.ntXentLoss(zeros([2, 3]), zeros([3, 3]))).toThrow('(N, D)')
    expect(() => models.ntXentLoss(zeros([2, 3]), zeros([2, 3]), { temperature: 0 })).toThrow(
      'above 0',
    )
    expect(() => models.gramMatrix(zeros([2, 3]))).toThrow('(N, C, H, W)')
  })
})

describe('peak signal to noise', () => {
  test('is that of the definition', () => {
    const [a, b] = [tensor([[0, 255]]), tensor([[10, 245]])]
    expect(peakSignalNoiseRatio(a, b, { dataRange: 255 })).toBeCloseTo(28.1308, 4)
    expect(peakSignalNoiseRatio(a, a)).toBe(Number.POSITIVE_INFINITY)
    expect(() => peakSignalNoiseRatio(a, zeros([2]))).toThrow('same shape')
    expect(() => peakSignalNoiseRatio(zeros([0]), zeros([0]))).toThrow('must be pixels')
    expect(() => peakSignalNoiseRatio(a, b, { dataRange: 0 })).toThrow('above 0')
  })
})

describe('inputs as their own targets', () => {
  test('by example, by batch, and as part of others', () => {
    const plain = new TensorDataset(tensor([[1], [2], [3]]), tensor([7, 8, 9]))
    const own = new SelfTargetDataset(plain)
    expect(own.length).toBe(3)
    expect(own.get(1).map((t) => t.toArray())).toEqual([[2], [2]])
    expect(own.batch!([2, 0]).map((t) => t.toArray())).toEqual([
      [[3], [1]],
      [[3], [1]],
    ])
    const images = new SelfTargetDataset(mnist().test)
    const loader = new DataLoader(new Subset(images, [3, 4, 5]), { batchSize: 2 })
    for (const batch of loader) {
      expect(batch[0]).toBe(batch[1])
      expect(batch[0].shape.slice(1)).toEqual([784])
      loader.release(batch)
    }
  })
  test('a linear autoencoder learns the line on which its data lie', () => {
    manualSeed(0)
    const t = rand([64, 1])
    const x = t.mul(tensor([[0.6, 0.3, 0.1]])).add(0.2)
    const model = new models.Autoencoder({ sizes: [3, 8, 1] })
    const optimizer = new SGD(model.parameters(), { lr: 1, momentum: 0.9 })
    const step = compile(() => {
      const loss = model.forward(x).sub(x).square().mean()
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss
    })
    const first = step().item()
    for (let i = 0; i < 400; i++) step()
    expect(step().item()).toBeLessThan(first / 20)
  })
})
