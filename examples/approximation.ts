/**
 * Universal approximation (Cybenko, 1989; Leshno et al., 1993): a function, given as a formula or as points of a CSV file,
 * by one hidden layer of 1, 2, 4 ... 256 neurons, and the piece that each neuron adds. An epoch is one step over all points.
 */
import { readFileSync } from 'node:fs'
import { compile, mseLoss, noGrad, relu, tensor, type Tensor, ValueError } from 'nabla'
import { parseExpression, readTable } from 'nabla/data'
import { Linear, Module } from 'nabla/nn'
import { Adam, CosineAnnealingLR } from 'nabla/optim'
import { lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

/** v · relu(w x + b) + c, with the kinks spread over [−1, 1] at the start. */
class OneHiddenLayer extends Module {
  hidden: Linear
  out: Linear
  constructor(width: number) {
    super()
    this.hidden = new Linear(1, width)
    this.out = new Linear(width, 1)
    noGrad(() => {
      // Every second neuron looks to the left, so that both ends are reached.
      const side = (i: number) => (i % 2 === 0 ? 1 : -1)
      const kink = (i: number) => -1 + (2 * (i + 0.5)) / width
      const list = Array.from({ length: width }, (_, i) => i)
      this.hidden.weight.assign(tensor(list.map((i) => [side(i)])))
      this.hidden.bias!.assign(tensor(list.map((i) => -side(i) * kink(i))))
    })
  }
  override forward(x: Tensor): Tensor {
    return this.out.forward(relu(this.hidden.forward(x)))
  }
}

interface Points {
  x: number[]
  y: number[]
}

/** Points of a formula between two ends. @throws ValueError where the formula has no finite value */
function pointsOf(formula: string, from: number, to: number, count: number): Points {
  const refuse = (rule: string, got: string): never => {
    throw new ValueError({ op: 'approximation', rule, got })
  }
  if (!(to > from)) refuse('--to must lie above --from', `${from} and ${to}`)
  const f = parseExpression(formula, ['x'])
  const x = Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1))
  const y = x.map((v) => f({ x: v }))
  const bad = y.findIndex((v) => !Number.isFinite(v))
  if (bad >= 0)
    refuse(
      `'${formula}' must have a finite value everywhere from ${from} to ${to}`,
      `${y[bad]} at ${x[bad]}`,
    )
  return { x, y }
}

/** Points of a file. @throws ValueError for an x that has two values, since that is no function of x */
function pointsIn(path: string): Points {
  const { rows } = readTable(readFileSync(path))
  const pairs = rows.map((row) => row.slice(0, 2).map(Number)).sort((a, b) => a[0]! - b[0]!)
  const twice = pairs.findIndex(
    (p, i) => i > 0 && p[0] === pairs[i - 1]![0] && p[1] !== pairs[i - 1]![1],
  )
  if (twice >= 0)
    throw new ValueError({
      op: 'approximation',
      rule: 'each x must have one y: the points must be a function of x',
      got: `${pairs[twice - 1]![1]} and ${pairs[twice]![1]} at ${pairs[twice]![0]}`,
    })
  if (pairs.length < 2 || pairs.some((p) => !p.every(Number.isFinite)))
    throw new ValueError({
      op: 'approximation',
      rule: `${path} must hold two columns of numbers`,
      got: `${rows[0]}`,
    })
  return { x: pairs.map((p) => p[0]!), y: pairs.map((p) => p[1]!) }
}

export default {
  name: 'approximation',
  about: 'a function by one hidden layer of 1 to 256 neurons, and the piece that each adds',
  data: 'a CSV file with columns x and y',
  defaults: { epochs: 3000, batchSize: 256, lr: 0.02 },
  quick: { epochs: 200 },
  options: {
    function: {
      about: 'a formula of x, unless --data names a CSV file of points',
      default: 'sin(3*x) + 0.3*x^2',
    },
    from: { about: 'the least x', default: '-3' },
    to: { about: 'the largest x', default: '3', real: true },
  },
  expect: { error1: { atLeast: 0.3 }, error256: { atMost: 0.01 }, improvement: { atLeast: 30 } },
  async run(s) {
    const { epochs, batchSize, lr, data, limit, own = {} } = s.options
    const count = Math.min(batchSize, limit ?? batchSize)
    const { x, y } = data
      ? pointsIn(data)
      : pointsOf(own.function!, Number(own.from), Number(own.to), count)
    const [from, to] = [x[0]!, x.at(-1)!]
    const [low, high] = [Math.min(...y), Math.max(...y)]
    // To [−1, 1] and back.
    const inputs = tensor(x.map((v) => [(2 * (v - from)) / (to - from) - 1]))
    const scale = (high - low) / 2 || 1
    const targets = tensor(y.map((v) => [(v - (high + low) / 2) / scale]))
    const back = (list: ArrayLike<number>) => Array.from(list, (v) => v * scale + (high + low) / 2)

    const widths = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    const errors: number[] = []
    const fits: Record<string, { x: number[]; y: number[] }> = { function: { x, y } }
    s.say(
      `\n${'neurons'.padStart(8)}${'root of the mean squared error'.padStart(34)}${'largest error'.padStart(16)}`,
    )
    for (const width of widths) {
      const model = new OneHiddenLayer(width)
      const optimizer = new Adam(model.parameters(), { lr })
      const schedule = new CosineAnnealingLR(optimizer, epochs)
      const step = compile((input: Tensor, target: Tensor) => {
        const loss = mseLoss(model.forward(input), target)
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
      })
      for (let i = 0; i < epochs; i++) {
        step(inputs, targets)
        schedule.step()
      }
      const fit = back(noGrad(() => model.forward(inputs)).toTypedArray() as Float32Array)
      const gaps = fit.map((v, i) => v - y[i]!)
      const rms = Math.sqrt(gaps.reduce((a, g) => a + g * g, 0) / gaps.length)
      errors.push(rms)
      s.say(
        `${`${width}`.padStart(8)}${rms.toPrecision(3).padStart(34)}${Math.max(
          ...gaps.map(Math.abs),
        )
          .toPrecision(3)
          .padStart(16)}`,
      )
      s.emit({ event: 'fit', width, rms })
      if ([2, 8, 64].includes(width)) fits[`${width} neurons`] = { x, y: fit }
      if (width === 8) {
        // v · relu(w x + b) of each neuron: what the network adds up.
        const rows = noGrad(() => relu(model.hidden.forward(inputs)).mul(model.out.weight))
          .t()
          .toArray() as number[][]
        await s.picture(
          'pieces.svg',
          lineChart(
            Object.fromEntries(
              rows.map((row, i) => [`neuron ${i + 1}`, { x, y: row.map((v) => v * scale) }]),
            ),
            {
              title: 'the piece that each of 8 neurons adds',
              x: 'x',
              y: 'v relu(w x + b)',
              width: 760,
            },
          ),
        )
      }
      if (width === 256) s.save(model)
    }
    await s.picture('fits.svg', lineChart(fits, { title: own.function!, x: 'x', width: 760 }))
    await s.picture(
      'errors.svg',
      lineChart(
        { error: { x: widths, y: errors } },
        {
          title: 'error by width',
          x: 'neurons',
          y: 'root of the mean squared error',
          logX: true,
          logY: true,
        },
      ),
    )
    return {
      error1: errors[0]!,
      error256: errors.at(-1)!,
      improvement: errors[0]! / errors.at(-1)!,
    }
  },
} satisfies Recipe
