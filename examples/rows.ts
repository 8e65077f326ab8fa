/** Digits read row by row, 28 steps of 28 pixels, by RNN, LSTM and GRU of two layers of 128. */
import { DataLoader, mnist } from 'nabla/data'
import { RowReader } from 'nabla/models'
import { MultiStepLR, SGD } from 'nabla/optim'
import { lineChart } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'

const kinds = ['rnn', 'lstm', 'gru'] as const

const classifier = {
  images: mnist,
  input: { shape: [28, 28], mean: 0.1307, std: 0.3081 },
  model: ({ kind }: { kind: (typeof kinds)[number] }) => new RowReader(kind),
} satisfies Classifier

export default {
  name: 'rows',
  about: 'digits read row by row by RNN, LSTM and GRU, two layers of 128, SGD with momentum',
  trainings: kinds.length,
  defaults: { epochs: 15, batchSize: 64, lr: 0.01 },
  expect: {
    rnnAccuracy: { atLeast: 0.96 },
    lstmAccuracy: { atLeast: 0.985 },
    gruAccuracy: { atLeast: 0.985 },
  },
  classifier,
  async run(s) {
    const { batchSize, lr, seed, epochs } = s.options
    const { train, test } = s.load()
    const few = s.limited(train)
    const curves: Record<string, number[]> = {}
    const accuracy: Record<string, number> = {}
    for (const kind of kinds) {
      const model = classifier.model({ kind })
      const optimizer = new SGD(model.parameters(), { lr, momentum: 0.9 })
      const { history } = await s.train(kind.toUpperCase(), model, {
        data: new DataLoader(few, { batchSize, shuffle: true, seed }),
        validation: new DataLoader(test, { batchSize: 1000 }),
        optimizer,
        // A tenth of the rate for the last third: the last epochs no longer jump about.
        schedule: new MultiStepLR(optimizer, [Math.ceil((2 * epochs) / 3)]),
        // A plain recurrent network explodes now and then.
        clipNorm: 1,
      })
      curves[kind.toUpperCase()] = history.map((h) => h.valLoss!)
      accuracy[`${kind}Accuracy`] = history[history.length - 1]!.valAccuracy!
      s.save(model, { file: `${kind}.safetensors`, config: { kind } })
    }
    await s.picture(
      'loss.svg',
      lineChart(curves, {
        title: 'digits row by row',
        x: 'epoch',
        y: 'validation loss',
        logY: true,
      }),
    )
    return accuracy
  },
} satisfies Recipe
