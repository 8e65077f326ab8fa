/**
 * Translation by a Transformer, or by LSTM layers with attention or without: from English to Spanish on the verses of two Bibles, to
 * Chinese (--to zh) on LibreOffice's catalogues of messages, all of which Debian has as packages, or on any file of two columns
 * (--data pairs.tsv). BLEU on texts that were kept apart, beside the translation of the most alike known text, and what the
 * decoder looks at. `nabla predict RUN "And God said"` translates.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { crossEntropy, FileError, noGrad, type Tensor, tensor, ValueError } from 'nabla'
import { DataLoader } from 'nabla/data'
import {
  buildTransformer,
  conditioned,
  EncoderDecoder,
  generate,
  Seq2Seq,
  stream,
} from 'nabla/models'
import { Module } from 'nabla/nn'
import { Adam, LambdaLR } from 'nabla/optim'
import { heatMapChart, learningCurves } from 'nabla/plot'
import type { Answers, Recipe, Session } from 'nabla/recipe'
import {
  BucketBatchSampler,
  cleanText,
  corpusBleu,
  DecodeStream,
  messageCatalog,
  readLines,
  readPairs,
  splitWords,
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

/** What trains: a Transformer, or LSTM layers with attention and without. */
const networks = ['transformer', 'attention', 'lstm'] as const
export interface Config {
  source: number
  target: number
  length: number
  dModel: number
  layers: number
  network?: (typeof networks)[number]
}
type Pair = [string, string]

const MESSAGES = '/usr/lib/libreoffice/program/resource/zh_CN/LC_MESSAGES'
const notThere = (folder: string, packages: string): never => {
  throw new FileError({
    op: 'translate',
    rule: `the texts must lie in ${folder}`,
    got: 'none',
    fix: `On Debian: apt-get install ${packages}. Or give a file with two columns and a tab between: --data pairs.tsv.`,
  })
}
function readBibles(): Pair[] {
  if (!bibles.every((folder) => existsSync(folder)))
    notThere(MODULES, 'sword-text-kjv sword-text-sparv')
  const [english, spanish] = bibles.map(swordVerses) as [string[], string[]]
  return english.map((text, i) => [text, spanish[i] ?? ''])
}
/** Messages of all catalogues of a folder, each source once, without marks for keys: `~Save`, `_Save`, `保存(~S)`. */
function readMessages(folder: string): Pair[] {
  const files = readdirSync(folder).filter((f) => f.endsWith('.mo'))
  const bare = (text: string) =>
    text.replace(/\s*\([~_&]\w\)/gu, '').replace(/[~&](?=\p{L})|(?<![\p{L}\p{N}_])_(?=\p{L})/gu, '')
  const found = new Map<string, string>()
  for (const file of files.sort())
    for (const { source, target } of messageCatalog(join(folder, file))) {
      const [a, b] = [source, target].map((t) => cleanText(bare(t), { plainMarks: true })) as Pair
      // Names and formulas that stay as they are teach nothing.
      if (a !== b && !found.has(a)) found.set(a, b)
    }
  return [...found]
}

/** Pairs of a file, of a folder of catalogues, or of what Debian has for a language. @throws FileError that says how to get them */
export async function readTexts(file: string | undefined, to = 'es'): Promise<Pair[]> {
  const pairs: Pair[] = []
  const add = (list: readonly Pair[]) => {
    for (const pair of list) {
      const [a, b] = pair.map((text) => cleanText(text, { plainMarks: true })) as Pair
      if (a !== '' && b !== '') pairs.push([a, b])
    }
  }
  if (file !== undefined && existsSync(file) && statSync(file).isDirectory())
    add(readMessages(file))
  else if (file !== undefined) for await (const pair of readPairs(readLines(file))) add([pair])
  else if (to === 'es') add(readBibles())
  else if (to === 'zh')
    add(
      existsSync(MESSAGES) ? readMessages(MESSAGES) : notThere(MESSAGES, 'libreoffice-l10n-zh-cn'),
    )
  else
    throw new ValueError({
      op: 'translate',
      rule: '--to must be es or zh',
      got: to,
      fix: 'For other languages give pairs of your own: --data pairs.tsv.',
    })
  if (pairs.length === 0)
    throw new FileError({
      op: 'translate',
      rule: `${file} must hold pairs of texts`,
      got: 'none',
      fix: 'Each line is a text, a tab and its translation; or give a folder of catalogues (.mo).',
    })
  return pairs
}

/** Takes what translationBatch makes; the mask of the source is (N, S). */
export class Teacher extends Module {
  net: EncoderDecoder | Seq2Seq
  constructor(net: EncoderDecoder | Seq2Seq) {
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

/** Lengths of batches, so that there are few programs. */
const MULTIPLE = 16
/** Places for texts of this length in a batch. */
export const roomFor = (length: number): number => Math.ceil(length / MULTIPLE) * MULTIPLE
/** A source as the network reads it. */
export const framed = (ids: Int32Array): number[] => [START, ...ids, END]
export const stopTokens = END
const BEAMS = 4
/** Pairs to test on; the first of them are translated. */
export const HELD = 400
export const TRANSLATED = 200

/**
 * Trains an encoder-decoder by teacher forcing, in batches of like lengths, with the schedule of Vaswani et al. and labels smoothed
 * by 0.1. `length` is the longest source or target with its marks. The model takes sources, targets and masks of sources;
 * `labelled`: and the labels.
 */
export async function teach(
  s: Session,
  name: string,
  model: Module & { forward(...inputs: Tensor[]): Tensor },
  {
    train,
    test,
    length,
    labelled = false,
    loss = smoothed,
  }: {
    train: Encoded
    test: Encoded
    length: number
    labelled?: boolean
    loss?: (out: Tensor, labels: Tensor) => Tensor
  },
): Promise<Trainer> {
  const { batchSize, epochs, lr, seed } = s.options
  const options = {
    padId: PAD,
    startId: START,
    endId: END,
    maxLength: length,
    multipleOf: MULTIPLE,
  }
  const tensorsOf = (pairs: Encoded): Tensor[] => {
    const b = translationBatch(pairs, options)
    return [b.source, b.target, b.sourceMask, ...(labelled ? [b.labels] : []), b.labels]
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
  const optimizer = new Adam(model.parameters(), { lr, betas: [0.9, 0.98], eps: 1e-9 })
  const warmup = Math.max(1, Math.min(400, (epochs * source.length) / 10))
  return s.train(name, model, {
    data: source,
    validation: loader(test, false),
    inputs: labelled ? 4 : 3,
    optimizer,
    // Up in a line, then down as the root of the steps.
    schedule: new LambdaLR(optimizer, (step) =>
      Math.min((step + 1) / warmup, Math.sqrt(warmup / (step + 1))),
    ),
    scheduleEvery: 'step',
    clipNorm: 1,
    loss,
  })
}
/** Cross entropy of logits (N, T, V), with labels smoothed by 0.1. */
const smoothed = (logits: Tensor, labels: Tensor): Tensor =>
  crossEntropy(logits.reshape([-1, logits.shape[2]!]), labels.reshape([-1]), {
    labelSmoothing: 0.1,
  })

/** What it writes for the sources, 50 at a time. Special tokens, such as the one at the end, are left out by decode. */
export function written(
  net: EncoderDecoder | Seq2Seq,
  pairs: Encoded,
  to: Tokenizer,
  beams = 1,
): string[] {
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
  model: ({ source, target, length, dModel, layers, network = 'transformer' }: Config) =>
    network === 'transformer'
      ? buildTransformer(source, target, roomFor(length), roomFor(length), {
          dModel,
          N: layers,
          h: Math.max(1, dModel / 32),
          dFf: 4 * dModel,
        })
      : new Seq2Seq(source, target, {
          hiddenSize: dModel,
          numLayers: layers,
          attention: network === 'attention',
          maxLength: roomFor(length),
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
        fix: ids.length > most ? 'Translate it sentence by sentence.' : 'Type a sentence.',
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
} satisfies Answers<EncoderDecoder | Seq2Seq, Config>

export default {
  name: 'translate',
  about:
    'English to Spanish or Chinese by a Transformer, on Bibles, messages of programs or pairs of your own',
  data: 'a file of two columns with a tab between, gzipped or not, or a folder of catalogues of messages (.mo)',
  defaults: { epochs: 6, batchSize: 64, lr: 0.001 },
  // Messages are short: a batch of them has few tokens.
  defaultsOf: ({ to }) => (to === 'zh' ? { epochs: 16, batchSize: 32, lr: 0.002 } : {}),
  quick: { epochs: 1, limit: 600 },
  options: {
    to: {
      about:
        'es: Spanish, by two Bibles; zh: Chinese, by messages of LibreOffice (16 epochs of batches of 32, rate 0.002)',
      default: 'es',
    },
    network: {
      about: 'transformer; to compare with: attention (LSTM layers with it) or lstm (without)',
      default: 'transformer',
    },
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
    const { network = 'transformer', to: language } = own
    if (!isNetwork(network))
      throw new ValueError({
        op: 'translate',
        rule: `--network must be ${networks.slice(0, -1).join(', ')} or ${networks.at(-1)}`,
        got: network,
      })
    const all = await readTexts(data, language)
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
        fix: 'Raise --length, or give more pairs: every 50th is kept apart.',
      })

    const config: Config = {
      source: from.getVocabSize(),
      target: to.getVocabSize(),
      length,
      dModel,
      layers,
      network,
    }
    const net = answers.model(config)
    const name = { transformer: 'Transformer', attention: 'LSTM with attention', lstm: 'LSTM' }[
      network
    ]
    const { history } = await teach(s, name, new Teacher(net), { train, test, length })
    s.save(net, { config })
    const title =
      data === undefined ? `English to ${language === 'zh' ? 'Chinese' : 'Spanish'}` : 'translation'
    await s.picture('loss.svg', learningCurves(history, { title }))

    const some = test.slice(0, TRANSLATED)
    const said = written(net, some, to)
    const truth = some.map(([, b]) => to.decode(b))
    // Chinese has no spaces: its BLEU counts characters.
    const tokenize = /\p{Script=Han}/u.test(truth.join('')) ? 'zh' : '13a'
    const score = (a: string[], b: string[]) => corpusBleu(a, b, { tokenize }).score
    const bleu = score(said, truth)
    const alike = mostAlike(
      train.map(([a]) => from.decode(a)),
      some.map(([a]) => from.decode(a)),
    )
    const baseline = score(
      alike.map((i) => to.decode(train[i]![1])),
      truth,
    )
    const few = Math.min(50, some.length)
    const byBeams = score(written(net, some.slice(0, few), to, BEAMS), truth.slice(0, few))
    const same = score(said.slice(0, few), truth.slice(0, few))
    s.say(
      `\nBLEU ${bleu.toFixed(2)} on ${some.length} texts, of the translations of the most alike known texts ${baseline.toFixed(2)}; the first ${few} with ${BEAMS} beams ${byBeams.toFixed(2)}, greedy ${same.toFixed(2)}`,
    )
    for (let i = 0; i < Math.min(4, said.length); i++)
      s.say(`\n  ${from.decode(some[i]![0])}\n  ${said[i]}\n  (${truth[i]})`)
    if (network !== 'lstm') await s.picture('attention.svg', attention(net, some[0]!, from, to))
    return { bleu, baseline, beamBleu: byBeams, pairs: train.length }
  },
} satisfies Recipe

const isNetwork = (name: string): name is (typeof networks)[number] =>
  (networks as readonly string[]).includes(name)

/** For each text the place of the known one that shares most words with it: 2 · shared / (words of both). */
function mostAlike(known: readonly string[], texts: readonly string[]): number[] {
  const words = (text: string) => new Set(splitWords(text.toLowerCase()))
  const sizes: number[] = []
  const places = new Map<string, number[]>()
  known.forEach((text, i) => {
    const own = words(text)
    sizes.push(own.size)
    for (const w of own) {
      const list = places.get(w)
      if (list) list.push(i)
      else places.set(w, [i])
    }
  })
  return texts.map((text) => {
    const own = words(text)
    const shared = new Map<number, number>()
    for (const w of own)
      for (const i of places.get(w) ?? []) shared.set(i, (shared.get(i) ?? 0) + 1)
    let best = 0
    let most = 0
    for (const [i, n] of shared) {
      const like = (2 * n) / (own.size + sizes[i]!)
      if (like > most) [best, most] = [i, like]
    }
    return best
  })
}

/** What each target token looks at: of a Transformer cross attention of the last layer, the mean of its heads. */
function attention(
  net: EncoderDecoder | Seq2Seq,
  [a, b]: readonly [Int32Array, Int32Array],
  from: Tokenizer,
  to: Tokenizer,
): string {
  const seen =
    net instanceof EncoderDecoder ? net.decoder.layers.at(-1)!.cross_attention_block : net
  seen.keepScores = true
  const row = (ids: number[]) => tensor(Int32Array.from(ids), { shape: [1, ids.length] })
  const [source, target] = [
    [START, ...a, END],
    [START, ...b],
  ]
  noGrad(() => net.forward(row(source), row(target)))
  seen.keepScores = false
  const weights = seen.attentionScores!.select(0, 0)
  const names = (tokenizer: Tokenizer, ids: number[]) =>
    ids.map((id) => tokenizer.decode([id], { skipSpecialTokens: false }).trim() || '·')
  return heatMapChart(weights.rank === 3 ? weights.mean(0) : weights, {
    title: 'what the decoder looks at',
    columnNames: names(from, source),
    rowNames: names(to, [...b, END]),
    colors: 'blues',
    width: 760,
    height: 640,
  })
}
