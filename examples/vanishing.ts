/**
 * Vanishing and exploding gradients: how the error of a layer changes on its way from the last layer to the first, by
 * depth, activation and initial values (Glorot and Bengio, 2010; He et al., 2015).
 */
import { crossEntropy } from 'nabla'
import { DataLoader, mnist } from 'nabla/data'
import { init, type Layer, Linear, ReLU, Sequential, Sigmoid, Tanh } from 'nabla/nn'
import { functionChart, layerChart, lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import { type Batch, inspectGradients } from 'nabla/train'

const activations: Record<string, () => Layer> = {
  sigmoid: () => new Sigmoid(),
  tanh: () => new Tanh(),
  relu: () => new ReLU(),
}
const starts: Record<string, (l: Linear) => void> = {
  'normal 0.01': (l) => void init.normal(l.weight, 0, 0.01),
  'normal 1': (l) => void init.normal(l.weight, 0, 1),
  Xavier: (l) => void init.xavierUniform(l.weight),
  He: (l) => void init.heNormal(l.weight),
}

/** 784-100-...-100-10 with `depth` hidden layers. */
function deep(depth: number, activation: () => Layer, start: (l: Linear) => void): Sequential {
  const layers: Layer[] = []
  for (let i = 0; i <= depth; i++) {
    const layer = new Linear(i === 0 ? 784 : 100, i === depth ? 10 : 100)
    start(layer)
    init.zeros(layer.bias!)
    layers.push(layer)
    if (i < depth) layers.push(activation())
  }
  return new Sequential(...layers)
}

export default {
  name: 'vanishing',
  about: 'vanishing and exploding gradients by depth, activation and initial values',
  data: 'the folder of the four IDX files of MNIST',
  defaults: { batchSize: 256 },
  whole: true,
  expect: {
    sigmoidNormalFactor: { atMost: 0.5 },
    tanhNormal1Factor: { atLeast: 1.5 },
    tanhXavierFactor: { atLeast: 0.8 },
    reluHeFactor: { atLeast: 0.8 },
    reluHeFactorInverse: { atLeast: 0.8 },
  },
  async run(s) {
    const { batchSize, data } = s.options
    const { train } = mnist({ ...(data && { folder: data }), mean: 0.1307, std: 0.3081 })
    const batch = new DataLoader<Batch>(train, { batchSize, shuffle: true }).from(0, 0).next()
      .value as Batch
    const depths = [3, 10, 30]
    const factors: Record<string, number> = {}
    s.say(
      `\nmean factor of the error from a layer to the one before it, batch of ${batchSize} digits`,
    )
    s.say(
      `${'activation'.padEnd(12)}${'initial values'.padEnd(16)}${depths.map((d) => `depth ${d}`.padStart(22)).join('')}`,
    )
    const curves: Record<string, number[]> = {}
    for (const [activation, make] of Object.entries(activations))
      for (const [start, set] of Object.entries(starts)) {
        const cells = depths.map((depth) => {
          const { errors, factor, verdict } = inspectGradients(
            deep(depth, make, set),
            batch,
            crossEntropy,
          )
          s.emit({ event: 'gradients', activation, start, depth, factor, verdict })
          factors[`${activation} ${start} ${depth}`] = factor
          if (depth === 30) curves[`${activation}, ${start}`] = errors.map((e) => e.rms)
          return `${factor.toPrecision(3)} ${verdict}`.padStart(22)
        })
        s.say(`${activation.padEnd(12)}${start.padEnd(16)}${cells.join('')}`)
      }
    const shown = [
      'sigmoid, Xavier',
      'tanh, normal 1',
      'tanh, Xavier',
      'relu, He',
      'relu, normal 0.01',
    ]
    s.curve(
      'log10 of the error by layer, sigmoid with Xavier, 30 layers',
      curves['sigmoid, Xavier']!.map((v) => Math.log10(v)),
    )
    await s.picture(
      'errors.svg',
      lineChart(Object.fromEntries(shown.map((n) => [n, curves[n]!])), {
        title: 'error of each layer, 30 layers deep',
        x: 'layer',
        y: 'root mean square of the gradient',
        logY: true,
        width: 760,
      }),
    )
    // Why: the sigmoid's derivative is at most 1/4.
    for (const [name, make] of Object.entries(activations)) {
      const activation = make()
      await s.picture(
        `${name}.svg`,
        functionChart(name, (x) => activation.forward(x)),
      )
    }
    const { gradients } = inspectGradients(deep(10, activations.sigmoid!, starts.Xavier!), batch)
    await s.picture(
      'weights.svg',
      layerChart(
        gradients.filter((g) => g.name.endsWith('weight')),
        {
          title: 'gradients of the weights, sigmoid, 10 layers',
        },
      ),
    )
    return {
      sigmoidNormalFactor: factors['sigmoid normal 0.01 10']!,
      tanhNormal1Factor: factors['tanh normal 1 10']!,
      tanhXavierFactor: factors['tanh Xavier 30']!,
      reluHeFactor: factors['relu He 30']!,
      reluHeFactorInverse: 1 / factors['relu He 30']!,
    }
  },
} satisfies Recipe
