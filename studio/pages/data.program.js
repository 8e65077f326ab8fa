// @ts-check
import { compile, crossEntropy, scan, tensor } from 'nabla'
import {
  iris,
  MinMaxScaler,
  penguins,
  randomSplit,
  splitByTime,
  StandardScaler,
  stratifiedSplit,
  TensorDataset,
} from 'nabla/data'
import { eigvalsh } from 'nabla/linalg'
import * as nn from 'nabla/nn'
import { SGD } from 'nabla/optim'
import {
  correlationMatrix,
  dot,
  histogram,
  mean,
  norm,
  pearson,
  quantile,
  skewness,
  spearman,
  std,
  variance,
} from 'nabla/stats'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ part: 'distribution' | 'vectors' | 'scaling' | 'splits', data: 'penguins' | 'iris' | 'own', own: number[][], names: string[], classes: string[], x: number, y: number, bins: number, wrong: number, a1: number, a2: number, b1: number, b2: number, p: '1' | '2' | 'inf', rate: number, split: 'random' | 'stratified' | 'order', train: number, rows: number, seed: number }} Settings */
/** @typedef {{ columns: string[], classes: string[], rows: number[][], labels: number[] }} Table */

/** Rows of numbers, the class of each, and what they are called. @param {Settings} s @returns {Table} */
export function table({ data, own, names, classes }) {
  if (data === 'own' && own.length > 0) {
    const columns = (own[0]?.length ?? 1) - 1
    const labels = own.map((row) => row.at(-1) ?? 0)
    return {
      columns: Array.from({ length: columns }, (_, i) => names[i] ?? `${i + 1}`),
      classes: Array.from({ length: Math.max(...labels) + 1 }, (_, i) => classes[i] ?? `${i + 1}`),
      // The last number of a row of one's own is its class.
      rows: own.map((row) => row.slice(0, -1)),
      labels,
    }
  }
  const found = data === 'iris' ? iris({ dtype: 'float64' }) : penguins({ dtype: 'float64' })
  const [, columns = 0] = found.x.shape
  const numbers = [...found.x.toTypedArray()]
  return {
    columns: [...found.columns].slice(0, columns),
    classes: [...found.classes],
    rows: Array.from(found.y.toTypedArray(), (_, i) =>
      numbers.slice(i * columns, (i + 1) * columns).map(Number),
    ),
    labels: [...found.y.toTypedArray()].map(Number),
  }
}
/** @param {Table} t @param {number} k */
export const column = ({ columns, rows }, k) =>
  rows.map((row) => row[Math.min(k, columns.length - 1)] ?? 0)

/** One column and how it goes with another. @param {Settings} s */
export function look(s) {
  const t = table(s)
  // So many entries have their decimal point one place too far to the right.
  const every = Math.max(1, Math.floor(t.rows.length / Math.max(1, s.wrong)))
  const x = column(t, s.x).map((v, i) => (i % every === 0 && i / every < s.wrong ? v * 10 : v))
  const y = column(t, s.y)
  const { edges } = histogram(x, { bins: s.bins })
  /** @param {number[]} v */
  const centered = (v) => {
    const middle = mean(v)
    return v.map((n) => n - middle)
  }
  const [cx, cy] = [centered(x), centered(y)]
  const r = pearson(x, y)
  const slope = (r * std(y)) / std(x)
  const rows = t.rows.map((row, i) => row.map((v, k) => (k === s.x ? (x[i] ?? 0) : v)))
  return {
    x,
    y,
    mean: mean(x),
    variance: variance(x),
    /** With n - 1 in the divisor, as PyTorch and pandas have it. */
    unbiased: x.length > 1 ? variance(x, { ddof: 1 }) : Number.NaN,
    std: std(x),
    skewness: skewness(x),
    quartiles: quantile(x, [0, 0.25, 0.5, 0.75, 1]),
    edges: [...edges],
    /** For each class how many fall into each bin. */
    counts: t.classes.map((_, c) => [
      ...histogram(
        x.filter((__, i) => t.labels[i] === c),
        { bins: [...edges] },
      ).counts,
    ]),
    pearson: r,
    spearman: spearman(x, y),
    /** The correlation is the cosine of the angle between two columns from which their means are taken. */
    cosine: dot(cx, cy) / (norm(cx) * norm(cy)),
    /** The line of least squares. */
    line: { slope, intercept: mean(y) - slope * mean(x) },
    matrix: correlationMatrix(rows).flat(),
  }
}

/** Two vectors. @param {Settings} s */
export function vectors({ a1, a2, b1, b2, p }) {
  const a = [a1, a2]
  const b = [b1, b2]
  const order = p === 'inf' ? Number.POSITIVE_INFINITY : Number(p)
  const product = dot(a, b)
  const cosine = product / (norm(a) * norm(b))
  const along = product / dot(b, b)
  const projection = b.map((v) => v * along)
  const radius = norm(a, order)
  return {
    dot: product,
    norms: [norm(a), norm(b)],
    cosine,
    /** In degrees. */
    angle: (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI,
    along,
    projection,
    lengths: [radius, norm(b, order)],
    distance: norm(
      a.map((v, i) => v - (b[i] ?? 0)),
      order,
    ),
    /** All vectors as long as a by this norm, x and y in turn. */
    ball: Array.from({ length: 121 }, (_, i) => {
      const direction = [Math.cos((i * Math.PI) / 60), Math.sin((i * Math.PI) / 60)]
      return direction.map((v) => (v * radius) / norm(direction, order))
    }).flat(),
  }
}

/** Softmax regression on two columns as they are, standardized, and brought into 0 to 1. @param {Settings} s */
export function build(s) {
  const t = table(s)
  const [first, second] = [column(t, s.x), column(t, s.y)]
  const x = tensor(
    first.map((v, i) => [v, second[i] ?? 0]),
    { dtype: 'float64' },
  )
  const y = tensor(t.labels, { dtype: 'int32' })
  const count = t.classes.length
  const inputs = [x, new StandardScaler().fitTransform(x), new MinMaxScaler().fitTransform(x)]
  const runs = inputs.map((input) => {
    const at = input.cast('float32')
    const model = new nn.Linear(2, count)
    // All three begin at the same place.
    nn.init.zeros(model.weight)
    if (model.bias) nn.init.zeros(model.bias)
    const optimizer = new SGD(model.parameters(), { lr: s.rate })
    const loss = () => crossEntropy(model.forward(at), y)
    return { at, model, optimizer, loss }
  })
  const step = () => {
    for (const { optimizer, loss } of runs) {
      optimizer.zeroGrad()
      loss().backward()
      optimizer.step()
    }
    return null
  }
  const all = compile(() => runs.map(({ loss }) => loss()))
  const right = compile(() =>
    runs.map(({ at, model }) => model.forward(at).argmax(1).eq(y).cast('float32').mean()),
  )
  return {
    /** The two columns as each run sees them. */
    points: runs.map(({ at }) => at),
    labels: t.labels,
    /** How much longer than wide the valley is in which gradient descent begins, and the rate at which it leaves it. */
    valleys: inputs.map((input) => {
      const [n = 1] = input.shape
      const bias = input.narrow(1, 0, 1).mul(0).add(1)
      const withBias = [input.narrow(1, 0, 1), input.narrow(1, 1, 1), bias]
      const gram = tensor(
        withBias.map((a) => withBias.map((b) => a.mul(b).sum().item() / n)),
        { dtype: 'float64' },
      )
      const values = [...eigvalsh(gram).toTypedArray()].map(Number)
      const [least = 0, most = 0] = [values[0], values.at(-1)]
      return { condition: most / Math.max(least, 1e-300), rate: (2 * count) / most }
    }),
    run: compile((/** @type {number} */ k) => {
      scan(() => [null, step()], null, null, { length: k })
    }),
    losses: () => all().map((l) => l.item()),
    accuracies: () => right().map((a) => a.item()),
    /** The class that each run gives to points. */
    answers: runs.map(({ model }) => (/** @type {Tensor} */ at) => [
      ...model.forward(at).argmax(1).cast('float32').toTypedArray(),
    ]),
  }
}

/** Three parts, what the test learns of the training, and 200 other splits. @param {Settings} s */
export function splits(s) {
  const t = table(s)
  // Fewer rows, with the classes in their shares.
  const n = Math.min(s.rows, t.rows.length)
  const chosen = Array.from({ length: n }, (_, i) => Math.floor((i * t.rows.length) / n))
  const labels = chosen.map((i) => t.labels[i] ?? 0)
  const values = column(t, s.x)
  const x = chosen.map((i) => values[i] ?? 0)
  const set = new TensorDataset(tensor(x))
  const rest = (1 - s.train) / 2
  const ratios = [s.train, rest, rest]
  /** Places of the parts. @param {Settings['split']} kind @param {number} seed */
  const split = (kind, seed) =>
    (kind === 'order'
      ? splitByTime(set, ratios)
      : kind === 'random'
        ? randomSplit(set, ratios, { seed })
        : stratifiedSplit(set, labels, ratios, { seed })
    ).map(({ indices }) => Array.from(indices))
  const parts = split(s.split, s.seed)
  const counts = t.classes.map((_, c) => labels.filter((l) => l === c).length)
  const rare = counts.indexOf(Math.min(...counts))
  /** @param {number[]} part */
  const share = (part) => part.filter((i) => labels[i] === rare).length / part.length
  /** The scaler sees `seen`; what becomes of the means of both parts? @param {number[]} seen @param {number[][]} parts */
  const scaled = (seen, parts) => {
    const some = seen.map((i) => x[i] ?? 0)
    const [m, d] = [mean(some), std(some) || 1]
    return {
      mean: m,
      std: d,
      means: parts.map((part) => (mean(part.map((i) => x[i] ?? 0)) - m) / d),
    }
  }
  const everyone = Array.from(x, (_, i) => i)
  /** @param {number[][]} parts */
  const leak = ([train = [], ...others]) => {
    const held = others.flat()
    return {
      before: scaled(everyone, [train, held]),
      after: scaled(train, [train, held]),
    }
  }
  const seeds = Array.from({ length: 200 }, (_, i) => 1000 * s.seed + i)
  const many = seeds.map((seed) => split('random', seed))
  const leaks = many.map(leak)
  /** @param {'before' | 'after'} when @param {number} part */
  const means = (when, part) => leaks.map((l) => l[when].means[part] ?? 0)
  return {
    parts,
    labels,
    /** For each part how many of each class. */
    counts: parts.map((part) =>
      t.classes.map((_, c) => part.filter((i) => labels[i] === c).length),
    ),
    rare,
    share: (counts[rare] ?? 0) / n,
    /** The share of the rarest class in the test part, over 200 splits. */
    shares: {
      random: many.map(([, , test = []]) => share(test)),
      stratified: seeds.map((seed) => share(split('stratified', seed)[2] ?? [])),
    },
    leak: leak(parts),
    /** Scaled before the split and after: the mean of the training part, and of what is held out. */
    before: {
      train: means('before', 0),
      held: means('before', 1),
      r: pearson(means('before', 0), means('before', 1)),
    },
    after: { train: means('after', 0), held: means('after', 1) },
  }
}

/** @param {Settings} s */
export function main(s) {
  if (s.part === 'distribution') {
    const { mean, variance, quartiles, pearson, spearman, cosine } = look(s)
    console.log(`mean ${mean}, variance ${variance}, quartiles ${quartiles.join(', ')}`)
    console.log(
      `Pearson ${pearson}, cosine of the centered columns ${cosine}, Spearman ${spearman}`,
    )
  }
  if (s.part === 'vectors') {
    const { dot, norms, cosine, angle, projection, distance } = vectors(s)
    console.log(`a . b = ${dot}, norms ${norms.join(', ')}, cosine ${cosine}, angle ${angle}`)
    console.log(`projection ${projection.join(', ')}, distance ${distance}`)
  }
  if (s.part === 'scaling') {
    const { run, losses, valleys } = build(s)
    console.log('condition numbers', valleys.map((v) => v.condition).join(', '))
    for (let i = 0; i < 3; i++) {
      run(100)
      console.log(`after ${(i + 1) * 100} steps: raw, standardized, min-max ${losses().join(', ')}`)
    }
  }
  if (s.part === 'splits') {
    const { counts, leak, before } = splits(s)
    console.log(
      'classes in training, validation and test:',
      counts.map((c) => c.join(' ')).join('; '),
    )
    console.log(
      `scaled by all rows the means are ${leak.before.means.join(', ')}, correlation ${before.r}`,
    )
    console.log(`scaled by the training part they are ${leak.after.means.join(', ')}`)
  }
}
