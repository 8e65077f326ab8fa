/**
 * How many flights leave each of the 50 largest airports in the next hour, from 3,000,000 real flights of the first half of 2001: airports
 * are nodes, routes edges with their number of flights as weights. A graph convolution between the airports of each hour and a GRU
 * over the hours, against the same GRU that sees each airport alone, a linear model of the same numbers, and what left a week
 * before. The last five weeks are the test; scales, weekly means and routes come from the weeks before alone.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  compile,
  concat,
  eye,
  FileError,
  mseLoss,
  noGrad,
  ones,
  rand,
  relu,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from 'nabla'
import { edgesFromTable, gcnNorm, SparseMatrix } from 'nabla/graph'
import { solve } from 'nabla/linalg'
import { clipGradNorm, GRU, Linear, Module } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

const AIRPORTS = 50
const WEEK = 168
/** Hours that a forecast sees. */
const LENGTH = 12
const START = Date.UTC(2001, 0, 1)
const HOURS = 181 * 24
const TEST = HOURS - 5 * WEEK
const FEATURES = 5

interface Flights {
  hour: Int32Array
  origin: string[]
  destination: string[]
}
/** The file of npm's vega-datasets, by npm's hyparquet. @throws FileError when one of them is not there */
async function readFlights(given: string | undefined): Promise<Flights> {
  const require = createRequire(import.meta.url)
  try {
    const path =
      given ?? join(dirname(require.resolve('vega-datasets')), '../data/flights-3m.parquet')
    const { asyncBufferFromFile, parquetRead } = await import('hyparquet')
    const { compressors } = await import('hyparquet-compressors')
    const file = await asyncBufferFromFile(path)
    const columns: Record<string, unknown[]> = { date: [], origin: [], destination: [] }
    await parquetRead({
      ...{ file, compressors, columns: Object.keys(columns) },
      onChunk: ({ columnName, columnData, rowStart }) => {
        for (let i = 0; i < columnData.length; i++)
          columns[columnName]![rowStart + i] = columnData[i]
      },
    })
    const hour = Int32Array.from(columns.date as Date[], (d) => Math.floor((+d - START) / 3.6e6))
    return {
      hour,
      origin: columns.origin as string[],
      destination: columns.destination as string[],
    }
  } catch (cause) {
    throw new FileError({
      op: 'traffic',
      rule: 'the flights must be at hand',
      got: (cause as Error).message,
      fix: 'Run `npm install vega-datasets hyparquet hyparquet-compressors`, or give the path of flights-3m.parquet as --data.',
    })
  }
}

/** Forecasts of all airports at once; with a graph, what their neighbours had goes in beside what they had themselves. */
class Forecaster extends Module {
  mixed: Linear
  gru: GRU
  out: Linear
  private readonly adj: SparseMatrix | null
  constructor(adj: SparseMatrix | null, hidden: number) {
    super()
    this.adj = adj
    this.mixed = new Linear(FEATURES, 16)
    this.gru = new GRU(FEATURES + 16, hidden, { batchFirst: true })
    this.out = new Linear(hidden, 1)
  }
  /** (airports, times, LENGTH, FEATURES) to (airports, times). */
  override forward(x: Tensor): Tensor {
    const [n, times] = x.shape as [number, number]
    const near = this.adj ? this.adj.matmul(x.reshape([n, -1])).reshape(x.shape) : x
    const both = concat([x, relu(this.mixed.forward(near))], 3)
    const [states] = this.gru.forward(both.reshape([n * times, LENGTH, -1]))
    return this.out.forward(states.select(1, -1)).reshape([n, times])
  }
}

export default {
  name: 'traffic',
  about:
    'departures of 50 airports an hour ahead, from 3,000,000 flights: graph convolution and GRU',
  data: 'the file flights-3m.parquet of npm’s vega-datasets',
  defaults: { epochs: 12, batchSize: 32, lr: 0.003 },
  quick: { epochs: 1, limit: 320 },
  // Root mean square error on the test weeks, over that of each other way.
  expect: {
    overGru: { atMost: 0.995 },
    overWeekBefore: { atMost: 0.8 },
    overLinear: { atMost: 0.97 },
  },
  async run(s) {
    const { epochs, batchSize, lr, limit, data } = s.options
    const { hour, origin, destination } = await readFlights(data)
    const total = new Map<string, number>()
    for (const [i, a] of origin.entries())
      if (hour[i]! < TEST) total.set(a, (total.get(a) ?? 0) + 1)
    const names = [...total]
      .sort((a, b) => b[1] - a[1])
      .slice(0, AIRPORTS)
      .map(([a]) => a)
    const places = new Map(names.map((a, i) => [a, i]))
    const counts = new Float32Array(AIRPORTS * HOURS)
    const routes = new Map<string, { source: string; target: string; flights: number }>()
    for (let i = 0; i < hour.length; i++) {
      const [h, from, to] = [hour[i]!, origin[i]!, destination[i]!]
      const a = places.get(from)
      if (a === undefined || h >= HOURS) continue
      counts[a * HOURS + h]!++
      if (h >= TEST || !places.has(to)) continue
      const key = `${from} ${to}`
      const route = routes.get(key)
      if (route) route.flights++
      else routes.set(key, { source: from, target: to, flights: 1 })
    }
    const { edgeIndex, edgeWeight } = edgesFromTable([...routes.values()], {
      weight: 'flights',
      nodes: names,
    })
    const adj = gcnNorm(SparseMatrix.fromEdges(edgeIndex, edgeWeight, { numNodes: AIRPORTS }))
    s.say(
      `${hour.length} flights, ${AIRPORTS} airports from ${names[0]} to ${names.at(-1)}, ${routes.size} routes, ${HOURS} hours`,
    )

    // The mean of each hour of the week, and how far the hours are from it in units of the airport.
    const usual = new Float32Array(AIRPORTS * WEEK)
    const scale = new Float32Array(AIRPORTS)
    const off = new Float32Array(AIRPORTS * HOURS)
    for (let a = 0; a < AIRPORTS; a++) {
      const seen = new Float32Array(WEEK)
      for (let h = 0; h < TEST; h++) {
        usual[a * WEEK + (h % WEEK)]! += counts[a * HOURS + h]!
        seen[h % WEEK]!++
      }
      for (let w = 0; w < WEEK; w++) usual[a * WEEK + w]! /= seen[w]!
      let square = 0
      for (let h = 0; h < HOURS; h++) {
        off[a * HOURS + h] = counts[a * HOURS + h]! - usual[a * WEEK + (h % WEEK)]!
        if (h < TEST) square += off[a * HOURS + h]! ** 2
      }
      scale[a] = Math.sqrt(square / TEST)
      for (let h = 0; h < HOURS; h++) off[a * HOURS + h]! /= scale[a]!
    }
    // Of hour h: how unusual it was, how unusual the next hour was a week before, what the next hour usually has, the time of day.
    const numbers = new Float32Array(AIRPORTS * HOURS * FEATURES)
    for (let a = 0; a < AIRPORTS; a++)
      for (let h = 0; h < HOURS; h++) {
        const [day, next] = [(2 * Math.PI * ((h + 1) % 24)) / 24, h + 1]
        numbers.set(
          [
            off[a * HOURS + h]!,
            next >= WEEK ? off[a * HOURS + next - WEEK]! : 0,
            usual[a * WEEK + (next % WEEK)]! / scale[a]! / 4,
            Math.sin(day),
            Math.cos(day),
          ],
          (a * HOURS + h) * FEATURES,
        )
      }
    const series = tensor(numbers).reshape([AIRPORTS, HOURS, FEATURES])
    const wanted = tensor(off).reshape([AIRPORTS, HOURS])
    const ints = (list: ArrayLike<number>) => tensor(Int32Array.from(list), { dtype: 'int32' })
    const back = ints(Array.from({ length: LENGTH }, (_, i) => i - LENGTH))
    const windowsOf = (hours: Tensor) => {
      const all = hours.reshape([-1, 1]).add(back).reshape([-1])
      return series.indexSelect(1, all).reshape([AIRPORTS, hours.size, LENGTH, FEATURES])
    }
    const first = WEEK + LENGTH
    const known = Int32Array.from({ length: TEST - first }, (_, i) => first + i)
    const held = Int32Array.from({ length: HOURS - TEST }, (_, i) => TEST + i)
    /** In flights an hour; `forecast` gives (airports, hours) in units of the airport. */
    const errorOf = (forecast: ArrayLike<number>): number => {
      let square = 0
      for (let a = 0; a < AIRPORTS; a++)
        for (let i = 0; i < held.length; i++)
          square += (scale[a]! * (forecast[a * held.length + i]! - off[a * HOURS + held[i]!]!)) ** 2
      return Math.sqrt(square / (AIRPORTS * held.length))
    }
    const parts = (hours: Int32Array, size: number) =>
      Array.from({ length: Math.ceil(hours.length / size) }, (_, i) =>
        hours.slice(i * size, (i + 1) * size),
      )

    const learn = (title: string, graph: SparseMatrix | null) => {
      const model = new Forecaster(graph, 32)
      const optimizer = new Adam(model.parameters(), { lr })
      const step = compile((hours: Tensor) => {
        const loss = mseLoss(model.forward(windowsOf(hours)), wanted.indexSelect(1, hours))
        optimizer.zeroGrad()
        loss.backward()
        clipGradNorm(model.parameters(), 1)
        optimizer.step()
        return loss
      })
      for (let epoch = 0; epoch < epochs; epoch++) {
        // The rate goes down to a tenth.
        optimizer.lr = lr * 0.1 ** (epoch / Math.max(1, epochs - 1))
        const order = tidy(() => rand([known.length]).argsort().toTypedArray().slice())
        const mixed = known
          .map((_, i) => known[order[i] as number]!)
          .slice(0, limit ?? known.length)
        let sum = 0
        const steps = parts(mixed, batchSize).filter((p) => p.length === batchSize)
        for (const hours of steps) sum += tidy(() => step(ints(hours)).item())
        s.demandFinite('the losses', [sum])
        s.emit({ event: 'epoch', run: title, epoch, loss: sum / steps.length })
        s.say(`${title}: epoch ${epoch + 1}, loss ${(sum / steps.length).toFixed(4)}`)
      }
      const found = new Float32Array(AIRPORTS * held.length)
      for (const hours of parts(held, 120)) {
        const y = tidy(() =>
          noGrad(() => model.forward(windowsOf(ints(hours))))
            .toTypedArray()
            .slice(),
        )
        for (let a = 0; a < AIRPORTS; a++)
          for (let i = 0; i < hours.length; i++)
            found[a * held.length + hours[i]! - TEST] = y[a * hours.length + i] as number
      }
      return { model, found }
    }
    /** Least squares from the window and a 1, the same weights for every airport. */
    const linear = () => {
      const width = LENGTH * FEATURES + 1
      const rows = (hours: Int32Array) => {
        const x = windowsOf(ints(hours))
          .reshape([AIRPORTS * hours.length, LENGTH * FEATURES])
          .to('float64')
        return concat([x, ones([x.shape[0]!, 1], { dtype: 'float64' })], 1)
      }
      let products = zeros([width, width], { dtype: 'float64' })
      let right = zeros([width, 1], { dtype: 'float64' })
      for (const hours of parts(known, 400)) {
        const x = rows(hours)
        const y = wanted.indexSelect(1, ints(hours)).reshape([-1, 1]).to('float64')
        products = products.add(x.transpose(0, 1).matmul(x))
        right = right.add(x.transpose(0, 1).matmul(y))
      }
      const weights = solve(products.add(eye(width, { dtype: 'float64' }).mul(1e-3)), right)
      return rows(held).matmul(weights).toTypedArray() as Float64Array
    }
    const graph = learn('graph convolution and GRU', adj)
    const alone = learn('GRU alone', null)
    const before = new Float32Array(AIRPORTS * held.length)
    for (let a = 0; a < AIRPORTS; a++)
      for (let i = 0; i < held.length; i++)
        before[a * held.length + i] = off[a * HOURS + held[i]! - WEEK]!
    const errors = {
      'graph convolution and GRU': errorOf(graph.found),
      'GRU alone': errorOf(alone.found),
      'linear model': errorOf(linear()),
      'a week before': errorOf(before),
      'mean of the hour of the week': errorOf(new Float32Array(before.length)),
    }
    for (const [way, e] of Object.entries(errors))
      s.say(`${way.padEnd(30)} ${e.toFixed(3)} flights an hour off`)
    const week = { from: held.length - WEEK, to: held.length }
    const flights = (of: ArrayLike<number>, begin: number) =>
      Array.from({ length: week.to - week.from }, (_, i) => {
        const h = week.from + i
        return of[begin + h]! * scale[0]! + usual[(TEST + h) % WEEK]!
      })
    await s.picture(
      'forecast.svg',
      lineChart(
        {
          [`departures of ${names[0]}`]: flights(off, TEST),
          forecast: flights(graph.found, 0),
        },
        { title: 'the last week, an hour ahead', x: 'hour', y: 'flights', width: 900 },
      ),
    )
    s.save(graph.model)
    const [ours, gru, straight, lastWeek] = Object.values(errors) as [
      number,
      number,
      number,
      number,
    ]
    return {
      rmse: ours,
      overGru: ours / gru,
      overLinear: ours / straight,
      overWeekBefore: ours / lastWeek,
    }
  },
} satisfies Recipe
