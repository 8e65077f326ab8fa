/** A recurrent forecaster: the sunspots of next year from those of the 22 years before (two cycles). */
import { mseLoss, noGrad, type Tensor } from 'nabla'
import {
  DataLoader,
  splitByTime,
  StandardScaler,
  sunspots,
  TensorDataset,
  windows,
} from 'nabla/data'
import { RowReader } from 'nabla/models'
import { Adam } from 'nabla/optim'
import { lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

const LENGTH = 22

export default {
  name: 'sunspots',
  about: 'a recurrent forecaster: the sunspots of next year from 22 years before, 1700 to 2008',
  defaults: { epochs: 100, batchSize: 32, lr: 0.005 },
  whole: true,
  // Root mean square error on the last fifth of the years, over that of "as many as this year".
  expect: { errorOverPersistence: { atMost: 0.75 } },
  async run(s) {
    const { batchSize, lr, seed } = s.options
    const { values, years } = sunspots()
    // The scale is learned from the years of training alone.
    const scaler = new StandardScaler().fit(values.narrow(0, 0, 244).reshape([-1, 1]))
    const examples = windows(scaler.transform(values.reshape([-1, 1])), LENGTH)
    const [train, test] = splitByTime(
      new TensorDataset(examples.tensors[0]!, examples.tensors[1]!.reshape([-1, 1])),
      [0.8, 0.2],
    )
    const model = new RowReader('lstm', { inputSize: 1, hiddenSize: 32, numLayers: 1, classes: 1 })
    const { history } = await s.train('forecaster', model, {
      data: new DataLoader(train!, { batchSize, shuffle: true, seed }),
      validation: new DataLoader(test!, { batchSize: 1000 }),
      optimizer: new Adam(model.parameters(), { lr }),
      loss: mseLoss,
      clipNorm: 1,
    })
    model.eval()
    const [x, y] = new DataLoader(test!, { batchSize: 1000 }).from(0, 0).next().value as Tensor[]
    const sunspotsOf = (t: Tensor) =>
      Array.from(scaler.inverseTransform(t.reshape([-1, 1])).toTypedArray())
    const truth = sunspotsOf(y!)
    const forecast = sunspotsOf(noGrad(() => model.forward(x!)))
    const persistence = sunspotsOf(x!.select(1, -1))
    const rmse = (v: number[]) =>
      Math.sqrt(v.reduce((sum, f, i) => sum + (f - truth[i]!) ** 2, 0) / v.length)
    const when = Array.from(years.slice(-truth.length))
    s.curve('sunspots of the years of the test', truth)
    s.curve('forecast a year before', forecast)
    await s.picture(
      'forecast.svg',
      lineChart(
        { sunspots: { x: when, y: truth }, forecast: { x: when, y: forecast } },
        { title: 'a year ahead', x: 'year', y: 'sunspots', width: 760 },
      ),
    )
    s.save(model)
    return {
      rmse: rmse(forecast),
      persistenceRmse: rmse(persistence),
      errorOverPersistence: rmse(forecast) / rmse(persistence),
      epochs: history.length,
    }
  },
} satisfies Recipe
