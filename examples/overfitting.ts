/**
 * Over- and underfitting: 784-256-128-10 on few digits learns them by heart; dropout, L1, L2 and early stopping hold
 * it back, and a network that is too small does not even fit.
 */
import { DataLoader, mnist, Subset } from 'nabla/data'
import { Dropout, Linear, ReLU, Sequential } from 'nabla/nn'
import { Adam, type AdamOptions } from 'nabla/optim'
import { lineChart } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'
import { type Callback, EarlyStopping } from 'nabla/train'

const FEW = 2000

interface Architecture {
  hidden?: number[]
  dropout?: number
}
function network({ hidden = [256, 128], dropout = 0 }: Architecture): Sequential {
  const sizes = [784, ...hidden]
  return new Sequential(
    ...hidden.flatMap((n, i) => [
      new Linear(sizes[i]!, n),
      new ReLU(),
      ...(dropout > 0 ? [new Dropout(dropout)] : []),
    ]),
    new Linear(sizes[hidden.length]!, 10),
  )
}

interface Variant {
  config?: Architecture
  options?: Partial<AdamOptions>
  callbacks?: () => Callback[]
}
const variants: Record<string, Variant> = {
  plain: {},
  dropout: { config: { dropout: 0.5 } },
  L2: { options: { weightDecay: 1e-3 } },
  L1: { options: { l1: 2e-4 } },
  'early stopping': { callbacks: () => [new EarlyStopping({ patience: 3 })] },
  'too small': { config: { hidden: [3] } },
}

const classifier = {
  images: mnist,
  model: network,
} satisfies Classifier

export default {
  name: 'overfitting',
  about:
    '784-256-128-10 on 2,000 digits, plain and with dropout, L1, L2, early stopping; and one that is too small',
  trainings: Object.keys(variants).length,
  defaults: { epochs: 30, batchSize: 128, lr: 0.001 },
  expect: {
    // Validation loss at the end over the best one: the plain network gets worse, the others hardly.
    plainRise: { atLeast: 1.2 },
    dropoutRise: { atMost: 1.15 },
    plainTrainAccuracy: { atLeast: 0.999 },
    tooSmallTrainAccuracy: { atMost: 0.95 },
    bestAccuracy: { atLeast: 0.9 },
  },
  classifier,
  async run(s) {
    const { batchSize, lr, seed, limit } = s.options
    const { train, test } = s.load()
    const few = new Subset(
      train,
      Int32Array.from({ length: Math.min(limit ?? FEW, train.length) }, (_, i) => i),
    )
    const training: Record<string, number[]> = {}
    const validation: Record<string, number[]> = {}
    const ends: Record<string, { rise: number; train: number; test: number }> = {}
    for (const [name, v] of Object.entries(variants)) {
      const { config = {} } = v
      const model = classifier.model(config)
      const { history } = await s.train(name, model, {
        data: new DataLoader(few, { batchSize, shuffle: true, seed }),
        validation: new DataLoader(test, { batchSize: 1000 }),
        optimizer: new Adam(model.parameters(), { lr, ...v.options }),
        callbacks: v.callbacks?.() ?? [],
      })
      training[name] = history.map((h) => h.loss)
      validation[name] = history.map((h) => h.valLoss!)
      s.save(model, { file: `${name.replace(' ', '-')}.safetensors`, config })
      const last = history[history.length - 1]!
      ends[name] = {
        rise: last.valLoss! / Math.min(...validation[name]!),
        train: last.accuracy!,
        test: last.valAccuracy!,
      }
    }
    for (const name of ['plain', 'dropout']) {
      s.curve(`validation loss, ${name}`, validation[name]!)
    }
    const options = { x: 'epoch', y: 'loss', width: 560, height: 360, logY: true }
    await s.picture('training.svg', lineChart(training, { title: 'training loss', ...options }))
    await s.picture(
      'validation.svg',
      lineChart(validation, { title: 'validation loss', ...options }),
    )
    return {
      plainRise: ends.plain!.rise,
      dropoutRise: ends.dropout!.rise,
      l2Rise: ends.L2!.rise,
      l1Rise: ends.L1!.rise,
      plainTrainAccuracy: ends.plain!.train,
      tooSmallTrainAccuracy: ends['too small']!.train,
      bestAccuracy: Math.max(...Object.values(ends).map((e) => e.test)),
    }
  },
} satisfies Recipe
