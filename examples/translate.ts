/**
 * Translation from English to Spanish by a Transformer, on the verses of two Bibles that Debian has as packages, or on any file
 * of two columns (--data pairs.tsv). BLEU on verses that were kept apart, and what the decoder looks at.
 * `nabla predict RUN "And God said"` translates.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { crossEntropy, FileError, noGrad, type Tensor, tensor, ValueError } from 'nabla'
import { DataLoader } from 'nabla/data'
import { buildTransformer, conditioned, type EncoderDecoder, generate, stream } from 'nabla/models'
import { Module } from 'nabla/nn'
import { Adam, LambdaLR } from 'nabla/optim'
import { heatMapChart, learningCurves } from 'nabla/plot'
import type { Answers, Recipe, Session } from 'nabla/recipe'
import {
  BucketBatchSampler,
  cleanText,
  corpusBleu,
  DecodeStream,
  readLines,
  readPairs,
  swordVerses,
  Tokenizer,
  trainBpe,
  translationBatch,
} from 'nabla/text'
import type { Trainer } from 'nabla/train'

const MODULES = '/usr/share/sword/modules/texts/ztext'
const bibles = ['engKJV2006eb', 'spaRV1909eb'].map((name) => join(MODULES, name))
export const [PAD, START, END] = [0, 1, 2]
export const specialTokens = ['[PAD]', '[SOS]', '[EOS]']

export interface Config {
  source: number
  target: number
  length: number
  dModel: number
  layers: number
}
type Pair = [string, string]

/** Pairs of a file, or of the Bibles. @throws FileError that says how to get them */
export async function readTexts(file: string | undefined): Promise<Pair[]> {
  const clean = (text: string) => cleanText(text, { plainMarks: true })
  const pairs: Pair[] = []
  if (file !== undefined) {
    for await (const [a, b] of readPairs(readLines(file))) pairs.push([clean(a), clean(b)])
    return pairs
  }
  if (!bibles.every((folder) => existsSync(folder)))
    throw new FileError({
      op: 'translate',
      rule: `the texts must lie in ${MODULES}`,
      got: 'none',
      fix: 'On Debian: apt-get install sword-text-kjv sword-text-sparv. Or give a file with two columns and a tab between: --data pairs.tsv.',
    })
  const [english, spanish] = bibles.map(swordVerses) as [string[], string[]]
  english.forEach((text, i) => {
    if (text !== '' && spanish[i]) pairs.push([clean(text), clean(spanish[i])])
  })
  return pairs
}

/** Takes what translationBatch makes; the mask of the source is (N, S). */
class Teacher extends Module {
  net: EncoderDecoder
  constructor(net: EncoderDecoder) {
    super()
    this.net = net
  }
  override forward(source: Tensor, target: Tensor, mask: Tensor): Tensor {
    const [n, length] = source.shape as [number, number]
    return this.net.forward(source, target, mask.reshape([n, 1, 1, length])) // (N, T, V)
  }
}

/** Every 50th pair is kept apart. */
export const split = (all: readonly Pair[]) => ({
  held: all.filter((_, i) => i % 50 === 7),
  known: all.filter((_, i) => i % 50 !== 7),
})
/** The tokens of the pairs that have at most `length` of them, with those at both ends. */
export const encodePairs = (
  pairs: readonly Pair[],
  from: Tokenizer,
  to: Tokenizer,
  length: number,
) =>
  pairs
    .map(([a, b]) => [from.encode(a).ids, to.encode(b).ids] as const)
    .filter(([a, b]) => Math.max(a.length, b.length) <= length - 2)
/** Ids of sources and of their targets. */
export type Encoded = ReturnType<typeof encodePairs>
/** Which pairs come together: those of like length. */
export const batchesOf = (pairs: Encoded, batchSize: number, shuffle: boolean, seed: number) =>
  new BucketBatchSampler(
    pairs.map(([a, b]) => Math.max(a.length, b.length)),
    { batchSize, shuffle, seed, dropLast: shuffle && pairs.length >= batchSize },
  )

/** A source as the network reads it. */
export const framed = (ids: Int32Array): number[] => [START, ...ids, END]
export const stopTokens = END
const BEAMS = 4
/** Pairs to test on; the first of them are translated. */
export const HELD = 400
export const TRANSLATED = 200

/**
 * Trains an encoder-decoder by teacher forcing, in batches of like lengths, with the schedule of Vaswani et al. and labels smoothed
 * by 0.1. `length` is the longest source or target with its marks.
 */
export async function teach(
  s: Session,
  net: EncoderDecoder,
  { train, test, length }: { train: Encoded; test: Encoded; length: number },
): Promise<Trainer> {
  const { batchSize, epochs, lr, seed } = s.options
  const options = { padId: PAD, startId: START, endId: END, maxLength: length, multipleOf: 16 }
  const tensorsOf = (pairs: Encoded): Tensor[] => {
    const b = translationBatch(pairs, options)
    return [b.source, b.target, b.sourceMask, b.labels]
  }
  const loader = (pairs: Encoded, shuffle: boolean) =>
    new DataLoader(
      {
        length: pairs.length,
        get: (i) => tensorsOf([pairs[i]!]),
        batch: (indices) => tensorsOf(Array.from(indices, (i) => pairs[i]!)),
      },
      {
        batchSampler: batchesOf(pairs, batchSize, shuffle, seed),
      },
    )
  const source = loader(train, true)
  const optimizer = new Adam(net.parameters(), { lr, betas: [0.9, 0.98], eps: 1e-9 })
  const warmup = Math.max(1, Math.min(400, (epochs * source.length) / 10))
  return s.train('Transformer', new Teacher(net), {
    data: source,
    validation: loader(test, false),
    inputs: 3,
    optimizer,
    // Up in a line, then down as the root of the steps.
    schedule: new LambdaLR(optimizer, (step) =>
      Math.min((step + 1) / warmup, Math.sqrt(warmup / (step + 1))),
    ),
    scheduleEvery: 'step',
    clipNorm: 1,
    loss: (logits: Tensor, labels: Tensor) =>
      crossEntropy(logits.reshape([-1, logits.shape[2]!]), labels.reshape([-1]), {
        labelSmoothing: 0.1,
      }),
  })
}

/** What it writes for the sources, 50 at a time. Special tokens, such as the one at the end, are left out by decode. */
export function written(net: EncoderDecoder, pairs: Encoded, to: Tokenizer, beams = 1): string[] {
  const said: string[] = []
  for (let i = 0; i < pairs.length; i += 50) {
    const sources = pairs.slice(i, i + 50).map(([a]) => framed(a))
    const starts = sources.map(() => [START])
    const lists = generate(conditioned(net, sources), starts, { stopTokens, beams })
    said.push(...lists.map((ids) => to.decode(ids)))
  }
  return said
}

const files = { source: 'source.json', target: 'target.json' }
const answers = {
  model: ({ source, target, length, dModel, layers }: Config) =>
    buildTransformer(source, target, length, length, {
      dModel,
      N: layers,
      h: Math.max(1, dModel / 32),
      dFf: 4 * dModel,
    }),
  async *answer(model, { text, config, options, read }) {
    const [from, to] = [files.source, files.target].map((f) => Tokenizer.fromJSON(read(f))) as [
      Tokenizer,
      Tokenizer,
    ]
    const { ids } = from.encode(cleanText(text, { plainMarks: true }))
    const most = config.length - 2
    if (ids.length === 0 || ids.length > most)
      throw new ValueError({
        op: 'translate',
        rule: `a text must have 1 to ${most} tokens`,
        got: `${ids.length}`,
        ...(ids.length > most && { fix: 'Translate it sentence by sentence.' }),
      })
    const reader = conditioned(model, framed(ids))
    if ((options.beams ?? 1) > 1) {
      yield to.decode(generate(reader, [START], { ...options, stopTokens }))
      return
    }
    const out = new DecodeStream(to)
    for await (const id of stream(reader, [START], { ...options, stopTokens })) yield out.step(id)
    yield out.end()
  },
} satisfies Answers<EncoderDecoder, Config>

export default {
  name: 'translate',
  about: 'English to Spanish by a Transformer, on the verses of two Bibles or on pairs of your own',
  data: 'a file of two columns with a tab between, gzipped or not',
  defaults: { epochs: 6, batchSize: 64, lr: 0.001 },
  quick: { epochs: 1, limit: 600 },
  options: {
    vocabulary: { about: 'the size of each vocabulary, of byte pairs', default: '3000' },
    length: { about: 'longer texts are left out, in tokens', default: '48' },
    width: { about: 'width of the model', default: '128' },
    layers: { about: 'layers of the encoder, and of the decoder', default: '2' },
  },
  expect: { bleu: { atLeast: 18 } },
  answers,
  async run(s) {
    const { limit, data, own = {} } = s.options
    const [vocabSize, length, dModel, layers] = [
      own.vocabulary,
      own.length,
      own.width,
      own.layers,
    ].map(Number) as [number, number, number, number]
    const all = await readTexts(data)
    const parts = split(all)
    const held = parts.held.slice(0, limit === undefined ? HELD : 8)
    const known = parts.known.slice(0, limit)
    const bytes = { vocabSize: limit === undefined ? vocabSize : 600, specialTokens }
    const [from, to] = [0, 1].map((side) =>
      trainBpe(
        known.map((pair) => pair[side]!),
        bytes,
      ),
    ) as [Tokenizer, Tokenizer]
    from.save(join(s.folder, files.source))
    to.save(join(s.folder, files.target))
    const [train, test] = [known, held].map((pairs) => encodePairs(pairs, from, to, length)) as [
      Encoded,
      Encoded,
    ]
    s.say(`\n${all.length} pairs; ${train.length} short ones to learn from, ${test.length} to test`)
    if (train.length === 0 || test.length === 0)
      throw new ValueError({
        op: 'translate',
        rule: `there must be pairs of at most ${length - 2} tokens to learn from and to test`,
        got: `${train.length} and ${test.length}`,
        fix: 'Raise --length.',
      })

    const config: Config = {
      source: from.getVocabSize(),
      target: to.getVocabSize(),
      length,
      dModel,
      layers,
    }
    const net = answers.model(config)
    const { history } = await teach(s, net, { train, test, length })
    s.save(net, { config })
    await s.picture('loss.svg', learningCurves(history, { title: 'English to Spanish' }))

    const some = test.slice(0, TRANSLATED)
    const said = written(net, some, to)
    const truth = some.map(([, b]) => to.decode(b))
    const bleu = corpusBleu(said, truth).score
    const few = Math.min(50, some.length)
    const byBeams = corpusBleu(
      written(net, some.slice(0, few), to, BEAMS),
      truth.slice(0, few),
    ).score
    const same = corpusBleu(said.slice(0, few), truth.slice(0, few)).score
    s.say(
      `\nBLEU ${bleu.toFixed(2)} on ${some.length} texts; the first ${few} with ${BEAMS} beams ${byBeams.toFixed(2)}, greedy ${same.toFixed(2)}`,
    )
    for (let i = 0; i < Math.min(4, said.length); i++)
      s.say(`\n  ${from.decode(some[i]![0])}\n  ${said[i]}\n  (${truth[i]})`)
    await s.picture('attention.svg', attention(net, some[0]!, from, to))
    return { bleu, beamBleu: byBeams, pairs: train.length }
  },
} satisfies Recipe

/** What each target token looks at: cross attention of the last layer, the mean of its heads. */
function attention(
  net: EncoderDecoder,
  [a, b]: readonly [Int32Array, Int32Array],
  from: Tokenizer,
  to: Tokenizer,
): string {
  const block = net.decoder.layers.at(-1)!.cross_attention_block
  block.keepScores = true
  const row = (ids: number[]) => tensor(Int32Array.from(ids), { shape: [1, ids.length] })
  const [source, target] = [
    [START, ...a, END],
    [START, ...b],
  ]
  noGrad(() => net.forward(row(source), row(target)))
  block.keepScores = false
  const names = (tokenizer: Tokenizer, ids: number[]) =>
    ids.map((id) => tokenizer.decode([id], { skipSpecialTokens: false }).trim() || '·')
  return heatMapChart(block.attentionScores!.select(0, 0).mean(0), {
    title: 'what the decoder looks at',
    columnNames: names(from, source),
    rowNames: names(to, [...b, END]),
    colors: 'blues',
    width: 760,
    height: 640,
  })
}
