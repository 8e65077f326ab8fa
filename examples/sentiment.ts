/**
 * Whether a sentence praises or complains: the mean of its words, a convolutional, a recurrent and a Transformer network on the same
 * 3,000 sentences about products, films and restaurants, as a table. `nabla predict RUN "a text"` judges with the best of them.
 */
import { join } from 'node:path'
import { amax, ne, noGrad, relu, type Tensor, tensor, ValueError, where } from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import {
  Conv1d,
  Dropout,
  Embedding,
  LearnedPositions,
  Linear,
  LSTM,
  Module,
  TransformerEncoderLayer,
} from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { barChart } from 'nabla/plot'
import type { Answers, Recipe } from 'nabla/recipe'
import { evaluate } from 'nabla/train'
import { padSequences, sentimentSentences, Tokenizer, trainWordLevel } from 'nabla/text'

const LENGTH = 32
const names = ['words', 'convolution', 'recurrent', 'transformer'] as const
interface Config {
  kind: (typeof names)[number]
  vocabSize: number
  width: number
  padId: number
}

/** Vectors of words, then what a kind of network makes of them, (N, L, d), then the mean or maximum over the words: 2 logits. */
class Judge extends Module {
  embedding: Embedding
  dropout: Dropout
  convolution: Conv1d | null = null
  recurrent: LSTM | null = null
  positions: LearnedPositions | null = null
  layer: TransformerEncoderLayer | null = null
  head: Linear
  readonly padId: number
  constructor({ kind, vocabSize, width: d, padId }: Config) {
    super()
    this.padId = padId
    this.embedding = new Embedding(vocabSize, d, { paddingIdx: padId })
    this.dropout = new Dropout(0.3)
    if (kind === 'convolution') this.convolution = new Conv1d(d, d, 3, { padding: 1 })
    if (kind === 'recurrent')
      this.recurrent = new LSTM(d, d / 2, { batchFirst: true, bidirectional: true })
    if (kind === 'transformer') {
      this.positions = new LearnedPositions(LENGTH, d)
      this.layer = new TransformerEncoderLayer(d, 4, {
        dimFeedforward: 2 * d,
        dropout: 0.1,
        batchFirst: true,
      })
    }
    this.head = new Linear(d, 2)
  }
  override forward(ids: Tensor): Tensor {
    const known = ne(ids, this.padId) // (N, L)
    const some = known.unsqueeze(2) // (N, L, 1)
    let x = this.dropout.forward(this.embedding.forward(ids)) // (N, L, d)
    if (this.convolution) x = relu(this.convolution.forward(x.transpose(1, 2))).transpose(1, 2)
    if (this.recurrent) [x] = this.recurrent.forward(x)
    if (this.layer) {
      x = this.layer.forward(this.positions!.forward(x), { srcKeyPaddingMask: known.logicalNot() })
    }
    const pooled =
      this.convolution || this.recurrent
        ? amax(where(some, x, -1e4), 1)
        : where(some, x, 0).sum(1).div(some.sum(1).clamp(1))
    return this.head.forward(this.dropout.forward(pooled)) // (N, 2)
  }
}

type Pairs = TensorDataset<[Tensor, Tensor]>

const TOKENIZER = 'tokenizer.json'
const encode = (tokenizer: Tokenizer, texts: readonly string[], padId: number): Tensor =>
  padSequences(
    texts.map((text) => tokenizer.encode(text).ids),
    { padId, maxLength: LENGTH, multipleOf: LENGTH },
  ).ids

const answers = {
  judges: true,
  model: (config: Config) => new Judge(config),
  *answer(model, { text, config, read }) {
    const tokenizer = Tokenizer.fromJSON(read(TOKENIZER))
    if (tokenizer.encode(text).ids.length === 0)
      throw new ValueError({ op: 'sentiment', rule: 'there must be a text', got: 'none' })
    const p = noGrad(() => model.forward(encode(tokenizer, [text], config.padId)).softmax(1))
    const praise = p.select(0, 0).select(0, 1).item()
    yield praise >= 0.5 ? 'praise' : 'complaint'
    yield ` (${(100 * Math.max(praise, 1 - praise)).toFixed(1)} %)`
  },
} satisfies Answers<Judge, Config>

export default {
  name: 'sentiment',
  about:
    'praise or complaint: mean of words, convolutional, recurrent and Transformer networks, as a table',
  data: 'the folder of amazon.json, imdb.json and yelp.json',
  defaults: { epochs: 8, batchSize: 32, lr: 0.002 },
  quick: { limit: 480, epochs: 1 },
  trainings: names.length,
  expect: { best: { atLeast: 0.76 }, worst: { atLeast: 0.68 } },
  answers,
  async run(s) {
    const { epochs, batchSize, lr, seed, limit, data } = s.options
    const all = sentimentSentences(data === undefined ? {} : { folder: data })
    // Every fifth sentence is for the test: as many of each source, and of praise and complaint nearly so.
    const test = all.filter((_, i) => i % 5 === 2)
    // Every tenth chooses the network that is saved.
    const chooser = all.filter((_, i) => i % 10 === 0)
    const known = all.filter((_, i) => i % 5 !== 2 && i % 10 !== 0)
    const few =
      limit === undefined
        ? known
        : known.filter((_, i) => i % Math.ceil(known.length / limit) === 0)
    const tokenizer = trainWordLevel(
      few.map((e) => e.text),
      { normalizer: { type: 'Lowercase' }, minFrequency: 2 },
    )
    tokenizer.save(join(s.folder, TOKENIZER))
    const padId = tokenizer.tokenToId('[PAD]')!
    const dataset = (list: typeof all) =>
      new TensorDataset(
        encode(
          tokenizer,
          list.map((e) => e.text),
          padId,
        ),
        tensor(Int32Array.from(list, (e) => e.label)),
      )
    const [train, validation, held] = [few, chooser, test].map(dataset) as [Pairs, Pairs, Pairs]
    const config = { vocabSize: tokenizer.getVocabSize(), width: 64, padId }

    const rows: { name: string; accuracy: number; parameters: number; seconds: number }[] = []
    let best: { model: Judge; config: Config; chosenBy: number } | undefined
    for (const kind of names) {
      const own: Config = { ...config, kind }
      const model = answers.model(own)
      const began = performance.now()
      const { history } = await s.train(kind, model, {
        data: new DataLoader(train, { batchSize, shuffle: true, seed }),
        validation: new DataLoader(validation, { batchSize: 100 }),
        optimizer: new Adam(model.parameters(), { lr }),
      })
      const accuracy = evaluate(model, new DataLoader(held, { batchSize: 100 })).accuracy!
      const parameters = model.parameterCount()
      rows.push({ name: kind, accuracy, parameters, seconds: (performance.now() - began) / 1000 })
      s.emit({ event: 'kind', ...rows.at(-1) })
      const chosenBy = history.at(-1)!.valAccuracy!
      if (!best || chosenBy > best.chosenBy) best = { model, config: own, chosenBy }
    }
    s.say(`\n${few.length} sentences to learn from, ${test.length} to test, ${epochs} epochs`)
    s.say(
      `${''.padEnd(14)}${'accuracy'.padStart(10)}${'parameters'.padStart(12)}${'seconds'.padStart(9)}`,
    )
    for (const r of rows)
      s.say(
        `${r.name.padEnd(14)}${r.accuracy.toFixed(3).padStart(10)}${`${r.parameters}`.padStart(12)}${r.seconds.toFixed(1).padStart(9)}`,
      )
    const measures = Object.fromEntries(rows.map((r) => [r.name, r.accuracy]))
    await s.picture('accuracy.svg', barChart(measures, { y: 'accuracy on the test' }))
    s.save(best!.model, { config: best!.config })
    return {
      ...measures,
      best: Math.max(...rows.map((r) => r.accuracy)),
      worst: Math.min(...rows.map((r) => r.accuracy)),
    }
  },
} satisfies Recipe
