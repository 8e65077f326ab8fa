/** What each page's training reaches, and which numbers of its picture its program prints. */
import type { Frame as Approximation } from '../../studio/pages/approximation.model.js'
import type { Frame as Attention } from '../../studio/pages/attention.model.js'
import type { Frame as Autoencoder } from '../../studio/pages/autoencoder.model.js'
import type { Frame as Backpropagation } from '../../studio/pages/backpropagation.model.js'
import type { Frame as Cartpole } from '../../studio/pages/cartpole.model.js'
import type { Frame as Classes } from '../../studio/pages/classes.model.js'
import type { Frame as Clusters } from '../../studio/pages/clusters.model.js'
import type { Frame as Convolution } from '../../studio/pages/convolution.model.js'
import type { Frame as Data } from '../../studio/pages/data.model.js'
import type { Frame as Digits } from '../../studio/pages/digits.model.js'
import type { Frame as Embeddings } from '../../studio/pages/embeddings.model.js'
import type { Frame as Gan } from '../../studio/pages/gan.model.js'
import type { Frame as GradientDescent } from '../../studio/pages/gradient-descent.model.js'
import type { Frame as LanguageModel } from '../../studio/pages/language-model.model.js'
import type { Frame as LeNet } from '../../studio/pages/lenet.model.js'
import type { Frame as Loop } from '../../studio/pages/loop.model.js'
import type { Frame as Losses } from '../../studio/pages/losses.model.js'
import type { Frame as Matrices } from '../../studio/pages/matrices.model.js'
import type { Frame as Neuron } from '../../studio/pages/neuron.model.js'
import type { Frame as Gridworld } from '../../studio/pages/gridworld.model.js'
import type { Frame as Karate } from '../../studio/pages/karate.model.js'
import type { Frame as Overfitting } from '../../studio/pages/overfitting.model.js'
import type { Frame as Perceptron } from '../../studio/pages/perceptron.model.js'
import type { Frame as Playground } from '../../studio/pages/playground.model.js'
import type { Frame as Recurrent } from '../../studio/pages/recurrent.model.js'
import type { Frame as Seq2Seq } from '../../studio/pages/seq2seq.model.js'
import type { Frame as Transformer } from '../../studio/pages/transformer.model.js'
import type { Frame as Vanishing } from '../../studio/pages/vanishing.model.js'

export interface Result<Frame> {
  /** After so many steps with the default settings ... */
  steps?: number
  /** ... these numbers stand in what the program prints. */
  printed?: (frame: Frame) => number | readonly number[]
  /** Steps after which browser and Node are compared, and the screenshot is taken: 20 unless given; few where actions that are drawn let a difference in the last bits grow. */
  compared?: number
  reaches: readonly {
    settings?: object
    steps?: number
    is: (frame: Frame) => boolean
  }[]
}
const result = <F>(r: Result<F>): Result<never> => r as Result<never>
/** The column at which each row of a map looks most. */
const looks = (map: Float32Array, columns: number) =>
  Array.from({ length: map.length / columns }, (_, row) => {
    const weights = map.subarray(row * columns, (row + 1) * columns)
    return weights.indexOf(Math.max(...weights))
  })

const near = (a: number, b: number, within = 1e-5) => Math.abs(a - b) < within

const bridge = [
  [-1, 0, 1],
  [-0.5, 0, -1],
  [1, 0, 0],
  [0.5, 0, -1],
  [0, 0, -1],
]

export const results: Readonly<Record<string, Result<never>>> = {
  loop: result<Loop>({
    steps: 80,
    printed: ({ loop, gain }) => [loop!.loss!, loop!.after[0]!, gain!.radius],
    reaches: [
      // The answer of the page, in its parts: what a turn leaves, and what becomes of the weight.
      {
        steps: 80,
        is: ({ loop, gain, bowl }) =>
          near(gain!.factor, 0.4) &&
          near(gain!.radius, 0.4, 1e-3) &&
          loop!.swings === 0 &&
          near(loop!.after[0]!, bowl!.best),
      },
      // One turn.
      {
        settings: { rate: 0.5 },
        steps: 4,
        is: ({ loop, gain, bowl }) => gain!.radius < 0.01 && near(loop!.after[0]!, bowl!.best),
      },
      {
        settings: { rate: 0.8 },
        steps: 80,
        is: ({ loop, bowl }) => loop!.swings > 5 && near(loop!.after[0]!, bowl!.best, 1e-3),
      },
      {
        settings: { rate: 1 },
        steps: 400,
        is: ({ loop, gain }) =>
          near(gain!.radius, 1, 1e-3) && near(loop!.after[0]!, -1, 0.01) && loop!.swings === 100,
      },
      {
        settings: { rate: 1.1 },
        steps: 4000,
        is: ({ loop, gain }) => loop!.over && gain!.radius > 1.19,
      },
      {
        settings: { delay: 3 },
        steps: 4000,
        is: ({ loop, gain }) => loop!.over && gain!.radius > 1.05,
      },
      {
        settings: { net: 'network' },
        steps: 2400,
        is: ({ loop, names, gain }) => loop!.loss! < 0.002 && names!.length === 10 && gain === null,
      },
    ],
  }),
  'loop-tree': result<Loop>({
    printed: ({ weights }) => weights!.count,
    reaches: [
      { is: ({ weights }) => weights!.count === 61706 },
      // The answer of the page.
      { settings: { node: 'rnn' }, is: ({ weights }) => weights!.count === 416 },
      { settings: { node: 'lstm' }, is: ({ weights }) => weights!.count === 1664 },
      { settings: { node: 'gru' }, is: ({ weights }) => weights!.count === 1248 },
      { settings: { node: 'qlearning' }, is: ({ weights }) => weights === null },
    ],
  }),
  losses: result<Losses>({
    steps: 1000,
    printed: ({ lines }) => lines.flatMap((l) => [l.slope, l.intercept, l.loss]),
    reaches: [
      // The answer of the page: the point far off takes the squared error along, not the absolute one.
      { steps: 3000, is: ({ lines: [mse, mae] }) => mse!.slope < 0.4 && mae!.slope > 0.5 },
      {
        is: ({ curves }) =>
          near(curves[0]![0]!, 9) && near(curves[1]![0]!, 3) && near(curves[2]![0]!, 2.5),
      },
    ],
  }),
  matrices: result<Matrices>({
    printed: ({ det, singular, units }) => [det, ...singular, ...units[0]!],
    reaches: [
      { is: ({ det }) => near(det, 1 * 0.9 + 0.6 * 0.4) },
      {
        settings: { a: 1, b: 2, c: 0.5, d: 1 },
        is: ({ det, singular }) => near(det, 0) && near(singular[1]!, 0),
      },
      { settings: { fold: 'relu' }, is: ({ lines }) => lines.every((l) => l.every((v) => v >= 0)) },
    ],
  }),
  neuron: result<Neuron>({
    printed: ({ at }) => [at.z, at.y, at.slope],
    reaches: [
      { is: ({ at }) => near(at.y, 1 / (1 + Math.exp(-1))) && near(at.slope, at.y * (1 - at.y)) },
      { settings: { f: 'relu', b: -3 }, is: ({ at }) => at.y === 0 && at.slope === 0 },
      {
        settings: { f: 'leaky', b: -3, a: 0.1 },
        is: ({ at }) => near(at.y, -0.25) && near(at.slope, 0.1),
      },
      { settings: { f: 'tanh' }, is: ({ at }) => near(at.y, Math.tanh(1)) },
      {
        settings: { f: 'softmax', temperature: 2 },
        is: ({ probabilities: p }) =>
          near(p[0]! / p[1]!, Math.exp(0.5)) &&
          near(
            p.reduce((a, b) => a + b),
            1,
          ),
      },
    ],
  }),
  data: result<Data>({
    printed: ({ look }) => [look!.mean, look!.variance, look!.pearson],
    reaches: [
      // Of 342 birds; NumPy has the same.
      {
        is: ({ look }) =>
          near(look!.mean, 43.92192982456141) &&
          near(look!.variance, 29.71989919975377) &&
          near(look!.pearson, 0.5951098244376303) &&
          near(look!.pearson, look!.cosine) &&
          look!.counts.flat().reduce((a, b) => a + b) === 342,
      },
      // The answer of the page: five wrong entries move the mean, the deviation and Pearson's correlation only.
      {
        settings: { wrong: 5 },
        is: ({ look }) =>
          look!.mean > 49 &&
          look!.std > 45 &&
          Math.abs(look!.pearson) < 0.1 &&
          Math.abs(look!.quartiles[2]! - 44.45) < 0.5 &&
          look!.spearman > 0.5,
      },
      {
        settings: {
          data: 'own',
          own: Array.from({ length: 12 }, (_, i) => [i, 2 * i, i % 2]),
          y: 1,
          names: ['a', 'b'],
        },
        is: ({ look, columns, classes }) =>
          near(look!.pearson, 1) && columns.join() === 'a,b' && classes.length === 2,
      },
    ],
  }),
  'data-vectors': result<Data>({
    printed: ({ vectors: v }) => [v!.dot, v!.cosine, v!.angle, v!.distance],
    reaches: [
      { is: ({ vectors: v }) => v!.dot === 9 && near(v!.norms[0]!, Math.sqrt(10)) },
      // The answer of the page, in its parts.
      {
        settings: { a1: -3, a2: 2 },
        is: ({ vectors: v }) => near(v!.dot, 0) && v!.projection.every((c) => near(c, 0)),
      },
      {
        settings: { a1: 1.5, a2: 0.5 },
        is: ({ vectors: v }) => near(v!.cosine, 9 / Math.sqrt(130)),
      },
      {
        settings: { p: '1' },
        is: ({ vectors: v }) => v!.lengths.join() === '4,5' && v!.distance === 3,
      },
      { settings: { p: 'inf' }, is: ({ vectors: v }) => v!.lengths.join() === '3,3' },
    ],
  }),
  'data-scaling': result<Data>({
    steps: 300,
    printed: ({ ways }) => ways!.map((w) => w.loss),
    reaches: [
      // The answer of the page, in its parts.
      {
        steps: 600,
        is: ({ ways: [raw, standard, minmax] = [] }) =>
          raw!.loss > 1000 &&
          standard!.loss < 0.15 &&
          minmax!.loss < 0.4 &&
          minmax!.loss > standard!.loss &&
          standard!.accuracy > 0.95 &&
          raw!.condition > 1e9,
      },
      {
        settings: { rate: 1e-7 },
        steps: 1500,
        is: ({ ways, history }) =>
          Math.abs(ways![0]!.loss - 1.04) < 0.01 &&
          ways![0]!.loss < history!.none[0]! &&
          ways![0]!.rate > 1e-7,
      },
      { settings: { rate: 1e-6 }, steps: 300, is: ({ ways }) => ways![0]!.loss > 1.2 },
    ],
  }),
  'data-splits': result<Data>({
    printed: ({ splits }) => splits!.leak.before.means,
    reaches: [
      {
        is: ({ splits: s }) =>
          near(s!.before.r, -1) &&
          s!.after.train.every((m) => near(m, 0)) &&
          s!.parts.flat().length === 60 &&
          new Set(s!.parts.flat()).size === 60 &&
          // Stratified: within one row of the share; at random it is not.
          s!.shares.stratified.every((v) => Math.abs(v - s!.share) <= 1 / 12 + 1e-9) &&
          s!.shares.random.some((v) => Math.abs(v - s!.share) > 1 / 12),
      },
      {
        settings: { split: 'order' },
        is: ({ splits: s }) => s!.counts[2]!.filter((n) => n > 0).length === 1,
      },
      { settings: { split: 'stratified', rows: 12 }, is: ({ splits: s }) => s!.parts.length === 3 },
    ],
  }),
  embeddings: result<Embeddings>({
    steps: 100,
    printed: ({ loss }) => loss,
    reaches: [
      // The book, half read, has taught grammar.
      {
        settings: { size: 16, rate: 0.1, negative: 3, window: 3, epochs: 1 },
        steps: 700,
        is: ({ analogy, loss, count }) =>
          count === 4228 && loss < 2.4 && analogy!.found[0]!.word === 'their',
      },
      // The answer of the page: what a small world knows of queens, and billions of words of much more.
      {
        settings: { text: 'world' },
        steps: 10_000,
        is: ({ analogy, progress }) => progress === 1 && analogy!.found[0]!.word === 'queen',
      },
      {
        settings: { text: 'chinese' },
        steps: 10_000,
        is: ({ analogy }) => analogy!.found[0]!.word === '王后',
      },
      { settings: { text: 'english' }, is: ({ analogy }) => analogy!.found[0]!.word === 'queen' },
      {
        settings: { text: 'english', analogy: 'France  paris Japan', word: 'nonsense' },
        is: ({ analogy, missing, word }) =>
          analogy!.found[0]!.word === 'tokyo' && missing.join() === 'nonsense' && word === 'king',
      },
      {
        settings: { text: 'own', own: '春天 来了。春风吹。' },
        steps: 10,
        is: ({ count, shown }) =>
          count === 6 && shown.every(({ at }) => at.every((v) => Math.abs(v) <= 1)),
      },
      { settings: { text: 'own', own: 'two words' }, steps: 1, is: ({ count }) => count === 2 },
    ],
  }),
  gridworld: result<Gridworld>({
    steps: 200,
    printed: ({ values }) => Math.max(...values.slice(0, 4)),
    reaches: [
      // The answer of the page: whoever counts the exploring steps falls less often.
      {
        steps: 1000,
        is: ({ returns }) => returns.slice(-300).reduce((a, b) => a + b) / 300 < -30,
      },
      {
        settings: { method: 'sarsa' },
        steps: 1000,
        is: ({ returns }) => returns.slice(-300).reduce((a, b) => a + b) / 300 > -30,
      },
      { settings: { world: 'grid' }, steps: 1000, is: ({ map }) => map.length === 3 },
    ],
  }),
  cartpole: result<Cartpole>({
    steps: 20,
    compared: 5,
    printed: ({ history }) => history.mean.at(-1)!,
    reaches: [
      // 26,000 pushes: a policy that pushes at random keeps the pole up for about 20.
      {
        steps: 100,
        is: ({ history, right, side }) =>
          history.mean.at(-1)! > 150 &&
          // The answer of the page: the lean and the turn together decide.
          right[side - 1]! > 0.9 &&
          right.at(-side)! < 0.1,
      },
    ],
  }),
  karate: result<Karate>({
    steps: 200,
    printed: ({ accuracy, spread }) => [accuracy, ...spread[0]!],
    reaches: [
      { steps: 300, is: ({ accuracy }) => accuracy > 0.85 },
      // The answer of the page: without edges the others are guessed.
      { settings: { edges: false }, steps: 300, is: ({ accuracy }) => accuracy < 0.75 },
    ],
  }),
  'karate-drawn': result<Karate>({
    steps: 200,
    printed: ({ spread }) => spread[0]!,
    reaches: [
      // The answer of the page: the bridge stays between, and takes the other side without its edge to this one.
      {
        steps: 200,
        is: ({ officer }) =>
          officer.slice(0, 5).every((p) => p > 0.9) &&
          officer.slice(6).every((p) => p < 0.1) &&
          officer[5]! > 0.3 &&
          officer[5]! < 0.7,
      },
      {
        settings: {
          drawn: {
            nodes: bridge,
            edges: [
              [0, 1],
              [2, 3],
              [1, 4],
            ],
          },
        },
        steps: 200,
        is: ({ officer }) => officer[4]! > 0.9,
      },
      ...(
        [
          [3, 0],
          [4, 1],
        ] as const
      ).map(([hops, reached]) => ({
        settings: { hops },
        is: ({ spread }: Karate) => Number(spread[0]![8]! > 0) === reached,
      })),
      // No edges at all, one class only.
      {
        settings: {
          drawn: {
            nodes: [
              [0, 0, 1],
              [1, 1, -1],
            ],
            edges: [],
          },
          source: 33,
          hops: 6,
        },
        steps: 5,
        is: ({ spread, source, accuracy }) =>
          spread[0]!.join() === '0,1' && source === 1 && Number.isNaN(accuracy),
      },
    ],
  }),
  overfitting: result<Overfitting>({
    steps: 2000,
    printed: ({ errors }) => [errors.train, errors.validation],
    reaches: [
      // The answer of the page, in its parts.
      {
        steps: 6000,
        is: ({ errors, best }) =>
          errors.validation > 3 * errors.train && errors.validation > best.validation,
      },
      { settings: { l2: 0.01 }, steps: 6000, is: ({ errors }) => errors.validation < 0.3 },
      { settings: { points: 100 }, steps: 6000, is: ({ errors }) => errors.validation < 0.1 },
      { settings: { degree: 1 }, steps: 3000, is: ({ errors }) => errors.train > 0.1 },
      // A table of one's own: a parabola, a fourth of it for validation.
      {
        settings: {
          data: 'own',
          own: Array.from({ length: 21 }, (_, i) => [i / 10 - 1, (i / 10 - 1) ** 2]),
          degree: 2,
        },
        steps: 3000,
        is: ({ errors, train, validation, truth }) =>
          errors.validation < 1e-3 &&
          [train.x.length, validation.x.length, truth.length].join() === '15,6,0',
      },
      { settings: { stop: true }, steps: 20000, is: ({ history }) => history.step.at(-1)! < 20000 },
    ],
  }),
  perceptron: result<Perceptron>({
    steps: 400,
    printed: ({ w, b }) => [...w, b],
    reaches: [
      ...['and', 'or', 'nand', 'own'].map((gate) => ({
        settings: { gate },
        steps: 400,
        is: (f: Perceptron) => f.wrong === 0,
      })),
      // No line does it.
      { settings: { gate: 'xor' }, steps: 2000, is: (f) => f.wrong > 0 },
    ],
  }),
  'gradient-descent': result<GradientDescent>({
    steps: 100,
    printed: ({ heights }) => heights,
    reaches: [
      { steps: 400, is: ({ heights }) => heights.every((h) => h < 1e-3) },
      // The answer of the page: above a rate of 1 plain SGD leaves the valley.
      {
        settings: { rate: 1.1, optimizers: ['sgd'] },
        steps: 100,
        is: ({ heights }) => !(heights[0]! < 1e3),
      },
      {
        settings: { surface: 'line', batch: 1 },
        steps: 400,
        is: ({ heights }) => heights.some((h) => h < 0.6),
      },
    ],
  }),
  approximation: result<Approximation>({
    steps: 2000,
    printed: ({ loss }) => loss,
    reaches: [
      { steps: 4000, is: ({ loss }) => loss < 0.02 },
      // The answer of the page: two ramps make |x|, but two neurons at random seldom become them.
      { settings: { text: 'abs(x)', neurons: 12 }, steps: 4000, is: ({ loss }) => loss < 0.005 },
      { settings: { text: 'abs(x)', neurons: 2 }, steps: 4000, is: ({ loss }) => loss > 0.1 },
      { settings: { text: 'x +' }, is: ({ error }) => error !== '' },
    ],
  }),
  attention: result<Attention>({
    printed: ({ weights, sum }) => [...weights[1]!.data.slice(-6), sum],
    reaches: [
      {
        settings: { mask: 'causal' },
        is: ({ weights, words }) =>
          weights.every(({ data, rows }) =>
            [...Array(rows).keys()].every(
              (r) =>
                near(
                  data.slice(r * rows, (r + 1) * rows).reduce((a, b) => a + b),
                  1,
                ) && data.slice(r * rows + r + 1, (r + 1) * rows).every((v) => v === 0),
            ),
          ) && words.length === 6,
      },
      // The answer of the page: without positions the two rows of "the" are the same.
      {
        settings: { positions: false },
        is: ({ output: { data, columns } }) =>
          [...Array(columns).keys()].every((c) => near(data[c]!, data[4 * columns + c]!)),
      },
      { is: ({ output: { data, columns } }) => !near(data[0]!, data[4 * columns]!, 1e-3) },
      { settings: { sentence: '我爱学习' }, is: ({ words }) => words.length === 4 },
    ],
  }),
  backpropagation: result<Backpropagation>({
    printed: ({ nodes }) => nodes.map((n) => n.grad),
    reaches: [
      {
        is: ({ nodes, numeric }) =>
          numeric.length === 4 &&
          numeric.every(({ name, value }) =>
            near(value, nodes.find((n) => n.label === name)!.grad),
          ),
      },
      // The answer of the page.
      {
        settings: { text: 'x * x + x' },
        is: ({ nodes }) => near(nodes.find((n) => n.label === 'x')!.grad, 4),
      },
      {
        settings: { text: 'x ^ 3 / y - log(w)' },
        is: ({ nodes }) => near(nodes.find((n) => n.label === 'x')!.grad, 6.75),
      },
      ...['', 'x +', 'z * 2', 'x; y', 'foo(x)', 'x < y', 'constructor', 'x.y', 'sin(x, y)'].map(
        (text) => ({
          settings: { text },
          is: ({ nodes, error }: Backpropagation) => nodes.length === 0 && error !== '',
        }),
      ),
    ],
  }),
  classes: result<Classes>({
    steps: 600,
    printed: ({ loss, accuracy }) => [loss, accuracy],
    reaches: [
      { steps: 600, is: ({ accuracy }) => accuracy > 0.95 },
      // The answer of the page, in its parts.
      {
        settings: { data: 'rings', hidden: 16 },
        steps: 1500,
        is: ({ accuracy }) => accuracy < 0.6,
      },
      {
        settings: { data: 'rings', hidden: 16, activation: 'tanh' },
        steps: 1500,
        is: ({ accuracy }) => accuracy > 0.9,
      },
    ],
  }),
  clusters: result<Clusters>({
    steps: 12,
    printed: ({ value }) => value,
    reaches: [
      { steps: 50, is: ({ value, found }) => value < 400 && new Set(found).size === 4 },
      {
        settings: { method: 'tsne', data: 'iris' },
        steps: 14,
        is: ({ value }) => value > 0 && value < 0.5,
      },
      { settings: { method: 'pca', data: 'digits' }, is: ({ at }) => at.length === 1200 },
    ],
  }),
  convolution: result<Convolution>({
    printed: ({ map, pooled, signal }) => [map.sum, pooled.sum, ...signal],
    reaches: [
      { is: ({ map, pooled }) => map.width === 28 && pooled.width === 14 },
      { settings: { stride: 2, padding: 0 }, is: ({ map }) => map.width === 13 },
      // Shifted by two, the map is the same two places on.
      {
        settings: { kernel: 'identity', pool: 'none' },
        is: ({ x, map }) => map.data.every((v, i) => v === x.data[i]),
      },
      // Without the flip the last weight meets the signal first.
      {
        settings: { signal: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
        is: ({ signal }) => signal.slice(0, 3).join() === '4,2,1',
      },
      {
        settings: { signal: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0], flipped: true },
        is: ({ signal }) => signal.slice(0, 3).join() === '1,2,4',
      },
      // The echo comes before the sound unless the kernel is flipped.
      ...[false, true].map((flipped) => ({
        settings: { series: 'sound', filter: 'echo', flipped },
        is: ({ series, signal }: Convolution) => {
          const share = flipped ? 1 : 0.6
          return series.slice(0, 170).every((v, i) => Math.abs(signal[i]! - share * v) < 1e-6)
        },
      })),
    ],
  }),
  digits: result<Digits>({
    reaches: [
      { steps: 1500, is: ({ accuracy }) => accuracy > 0.85 },
      {
        settings: { optimizer: 'sgd', rate: 0.1, activation: 'relu' },
        steps: 1500,
        is: ({ accuracy }) => accuracy > 0.85,
      },
    ],
    steps: 1,
  }),
  'language-model': result<LanguageModel>({
    steps: 40,
    printed: ({ loss, next }) => [loss, Math.max(...next!.model)],
    reaches: [
      // It begins to know the text, and the answer of the page: temperature 0 leaves one character.
      {
        settings: { width: 32, temperature: 0, layers: 1, rate: 0.01 },
        steps: 280,
        is: ({ loss, next }) => loss < 1 && next!.drawn.filter((p) => p > 0).length === 1,
      },
      {
        settings: { topK: 3, temperature: 2 },
        is: ({ next }) => next!.drawn.filter((p) => p > 0).length === 3,
      },
      // A masked model finds the characters of the first line: 眠 in the first blank.
      {
        settings: { model: 'bert', text: 'poems', width: 32, layers: 1, rate: 0.01 },
        steps: 160,
        is: ({ filled, names }) =>
          filled.length === 3 &&
          names[filled[0]!.model.indexOf(Math.max(...filled[0]!.model))] === '眠',
      },
    ],
  }),
  lenet: result<LeNet>({
    steps: 50,
    printed: ({ accuracy, loss }) => [accuracy, loss],
    reaches: [
      // The answer of the page: after as many steps sigmoid has learned nothing yet.
      { steps: 100, is: ({ accuracy }) => accuracy > 0.8 },
      { settings: { activation: 'sigmoid' }, steps: 75, is: ({ accuracy }) => accuracy < 0.3 },
      {
        settings: { net: 'convnet', rate: 0.001 },
        steps: 75,
        is: ({ accuracy, layers }) => accuracy > 0.6 && layers[2]!.shape.join() === '1,32,14,14',
      },
    ],
  }),
  playground: result<Playground>({
    steps: 1000,
    printed: ({ loss }) => [loss.train, loss.test],
    reaches: [
      { steps: 4000, is: ({ loss }) => loss.train < 0.02 && loss.test < 0.05 },
      // The answer of the page: a straight line does not part the circle.
      { settings: { activation: 'linear' }, steps: 4000, is: ({ loss }) => loss.train > 0.4 },
      {
        settings: { data: 'xor', inputs: ['x1x2'], layers: [] },
        steps: 3000,
        is: ({ loss }) => loss.train < 0.05,
      },
      {
        settings: { problem: 'regression', data: 'plane' },
        steps: 3000,
        is: ({ loss }) => loss.test < 0.005,
      },
      // A rate far too high kills ReLUs, and the page shows which.
      {
        settings: { activation: 'relu', rate: 3 },
        steps: 500,
        is: ({ dead }) => dead.flat().some(Boolean),
      },
    ],
  }),
  recurrent: result<Recurrent>({
    steps: 192,
    printed: ({ reach }) => reach.map((g) => g.at(-1)!),
    reaches: [
      // The answer of the page: the GRU reaches 20 steps back, the others do not yet.
      {
        steps: 400,
        is: ({ losses: [rnn, lstm, gru], said, want }) =>
          gru! < 0.1 && rnn! > 0.5 && lstm! > 0.5 && said.at(-1) === want.at(-1),
      },
      { settings: { forget: true }, steps: 400, is: ({ losses }) => losses[1]! < 0.5 },
      { settings: { cell: 'lstm' }, is: ({ inside }) => inside.length === 5 },
      {
        settings: { task: 'text', cell: 'lstm' },
        steps: 240,
        is: ({ written, losses }) => written.includes('sea shells') && losses[1]! < 0.5,
      },
      {
        settings: { task: 'series' },
        steps: 240,
        is: ({ losses }) => losses.every((l) => l < 0.1),
      },
    ],
  }),
  autoencoder: result<Autoencoder>({
    steps: 64,
    printed: ({ error }) => error,
    reaches: [
      { steps: 200, is: ({ error, map }) => error < 0.065 && map.some((v) => v > 0.5) },
      // The answer of the page: the variational plane is one cloud around 0.
      {
        settings: { net: 'variational' },
        steps: 200,
        is: ({ x, y, error }) => error < 0.07 && [...x, ...y].every((v) => Math.abs(v) < 6),
      },
      {
        settings: { net: 'denoise' },
        steps: 200,
        is: ({ clean, noisy, restored }) => {
          const far = (a: Float32Array) => a.reduce((sum, v, i) => sum + (v - clean[i]!) ** 2, 0)
          return far(restored) < 0.3 * far(noisy)
        },
      },
    ],
  }),
  gan: result<Gan>({
    steps: 300,
    printed: ({ losses }) => losses,
    reaches: [
      // The answer of the page: few spots first, all of them later.
      { steps: 300, is: ({ spots }) => spots!.reached <= 4 },
      { steps: 2500, is: ({ spots }) => spots!.reached >= 7 },
      {
        settings: { data: 'moons', loss: 'wgan' },
        steps: 40,
        is: ({ losses: [d], spots, belief }) => d < 0 && spots === null && belief === null,
      },
      {
        settings: { data: 'digits' },
        steps: 60,
        // The paper begins to be dark; before training all is gray.
        is: ({ made }) => made.reduce((sum, v) => sum + v, 0) / made.length < 0.47,
      },
    ],
  }),
  seq2seq: result<Seq2Seq>({
    steps: 80,
    printed: ({ accuracy }) => accuracy,
    reaches: [
      // The answer of the page: attention reverses eight digits while without it hardly any sequence is right.
      {
        steps: 400,
        is: ({ accuracy: [looking, blind], weights, source, truth, answers }) => {
          const at = looks(weights, source.length)
          const mistakes = (text: string) => [...text].filter((c, i) => c !== truth[i]).length
          const { free, forced } = answers[1]!
          return (
            looking! > 0.8 &&
            blind! < 0.5 * looking! &&
            // Back along the diagonal, at most one place beside it.
            at.every((c, row) => Math.abs(c - (source.length - 1 - row)) <= 1) &&
            free.startsWith(truth.slice(0, 4)) &&
            mistakes(forced) < mistakes(free)
          )
        },
      },
      {
        settings: { task: 'sort', length: 4, forcing: 'free', text: '9417' },
        steps: 240,
        is: ({ truth, losses }) => truth === '1479' && losses.every((l) => l < 1),
      },
      {
        settings: { task: 'dates', text: '24 Dec 1999' },
        steps: 160,
        is: ({ answers, truth, losses }) =>
          truth === '1999-12-24' && answers[0]!.free[4] === '-' && losses[0]! < 1,
      },
      { settings: { text: 'abc' }, is: ({ wrong }) => wrong },
    ],
  }),
  transformer: result<Transformer>({
    steps: 40,
    printed: ({ loss, parameters }) => [loss, parameters],
    reaches: [
      {
        settings: { layers: 1, heads: 2 },
        steps: 480,
        is: ({ said }) => said.join(' ') === '5 1 4 1 3 [EOS]',
      },
      // The answer of the page: a head reads the digits backwards; where words are translated, one reads on.
      {
        steps: 200,
        is: ({ maps, source }) =>
          maps[2]!.flat().some((m) => looks(m, source.length).join().startsWith('5,4,3,2,1')),
      },
      {
        settings: { task: 'translate', layers: 1, heads: 1, source: 'three one four' },
        steps: 240,
        is: ({ said, maps, source }) =>
          said.join(' ') === '三 一 四 [EOS]' &&
          looks(maps[2]![0]![0]!, source.length).join() === '1,2,3,4',
      },
    ],
  }),
  vanishing: result<Vanishing>({
    printed: ({ outputs, gradients }) => [outputs[19]!, gradients[0]!],
    reaches: [
      // The answer of the page, in its parts.
      { is: ({ gradients: g }) => g[0]! < 1e-6 * g[19]! },
      { settings: { activation: 'tanh' }, is: ({ gradients: g }) => g[0]! > 0.01 * g[19]! },
      {
        settings: { activation: 'relu', init: 'he' },
        is: ({ gradients: g }) => g[0]! > 0.05 * g[19]!,
      },
      { settings: { residual: true }, is: ({ gradients: g }) => g[0]! > 0.05 * g[19]! },
      { settings: { activation: 'relu', init: 'large' }, is: ({ gradients: g }) => g[0]! > 1e3 },
      {
        settings: { activation: 'relu', init: 'large', clip: 1 },
        is: ({ gradients: g }) => g.reduce((sum, v) => sum + v * v, 0) <= 1.01,
      },
    ],
  }),
}
