/**
 * Summaries: from the descriptions of Debian's packages to their titles of one line, by a Transformer that may copy words of the
 * description (PointerGenerator), beside the first sentence of the description. ROUGE on descriptions that were kept apart.
 * `nabla predict RUN "This package contains ..."` writes a title.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { FileError, type Tensor, ValueError } from 'nabla'
import { conditioned, generate, PointerGenerator } from 'nabla/models'
import { Module } from 'nabla/nn'
import { barChart, learningCurves } from 'nabla/plot'
import type { Answers, Recipe } from 'nabla/recipe'
import { encodeOpen, readLines, rouge, Tokenizer, trainWordLevel } from 'nabla/text'
import { framed, roomFor, START, stopTokens, teach } from './translate.js'

const LISTS = '/var/lib/apt/lists'
/** Unpacks what apt keeps, whatever it is packed with. */
const HELPER = '/usr/lib/apt/apt-helper'
const TOKENIZER = 'tokenizer.json'
const UNKNOWN = 3
const specialTokens = ['[PAD]', '[SOS]', '[EOS]', '[UNK]']
/** Words with the space before them, and signs: put together they are the text again. */
const preTokenizer = {
  type: 'Split',
  pattern: { Regex: " ?[\\p{L}\\p{N}_]+(?:[-.+'/][\\p{L}\\p{N}_]+)*| ?[^\\s\\p{L}\\p{N}_]" },
  behavior: 'Isolated',
  invert: false,
}
/** The longest title in tokens, with its marks. */
const TITLE = 16
const BEAMS = 4

interface Described {
  title: string
  text: string
}
interface Config {
  vocabulary: number
  length: number
  dModel: number
  layers: number
}
/** A description as the model reads it: its ids, and the words that the vocabulary lacks. */
interface Page {
  ids: Int32Array
  words: string[]
}

/** The lines of a list of descriptions. @throws FileError for one that cannot be unpacked */
async function* linesOf(path: string): AsyncGenerator<string> {
  if (!/\.(lz4|xz|bz2|zst)$/.test(path)) {
    yield* readLines(path)
    return
  }
  let text: string
  try {
    text = execFileSync(HELPER, ['cat-file', path], {
      encoding: 'utf8',
      maxBuffer: 2 ** 29,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch (cause) {
    throw new FileError(
      {
        op: 'summaries',
        rule: `${path} must be unpacked by ${HELPER}`,
        got: 'an error',
        fix: 'Unpack it, and give the plain or gzipped file: --data FILE.',
      },
      { cause },
    )
  }
  yield* text.split('\n')
}

/** Titles and the first paragraphs of descriptions, each paragraph once. @throws FileError that says how to get them */
async function readDescriptions(file: string | undefined): Promise<Described[]> {
  const lists = existsSync(LISTS)
    ? readdirSync(LISTS)
        .filter((f) => /_i18n_Translation-en(\.\w+)?$/.test(f))
        .sort()
    : []
  const paths = file === undefined ? lists.map((f) => join(LISTS, f)) : [file]
  const found = new Map<string, string>()
  for (const path of paths) {
    let title: string | undefined
    let words: string[] = []
    const close = () => {
      const text = plain(words.join(' '))
      // Packages of one family have one text: it must not be learnt from and tested on.
      if (title && text && !found.has(text)) found.set(text, title)
      title = undefined
      words = []
    }
    for await (const line of linesOf(path)) {
      const head = /^Description-en:\s*(.*)/.exec(line)
      if (head) title = plain(head[1]!)
      else if (title !== undefined && /^ +[^ .]/.test(line)) words.push(line)
      else if (title !== undefined) close()
    }
    close()
  }
  if (found.size === 0)
    throw new FileError({
      op: 'summaries',
      rule:
        file === undefined
          ? `descriptions of packages must lie in ${LISTS}`
          : `${file} must hold descriptions of packages (Description-en:)`,
      got: 'none',
      fix: 'On Debian: apt-get -o Acquire::Languages=en update. Or give such a list, a file Translation-en: --data FILE.',
    })
  return Array.from(found, ([text, title]) => ({ text, title }))
}
const plain = (text: string) => text.replace(/\s+/g, ' ').trim()

/** Up to a full stop that ends a sentence. */
const firstSentence = (text: string): string => /^.*?[.!?](?=\s+[A-Z]|\s*$)/.exec(text)?.[0] ?? text

/** Of a long description the beginning tells most. */
function readPage(tokenizer: Tokenizer, text: string, length: number): Page {
  const { ids, words } = encodeOpen(tokenizer, ` ${plain(text)}`)
  const cut = ids.slice(0, length - 2)
  const size = tokenizer.getVocabSize()
  return { ids: cut, words: words.slice(0, Math.max(0, Math.max(...cut) + 1 - size)) }
}

const textOf = (tokenizer: Tokenizer, ids: readonly number[], { words }: Page) =>
  tokenizer.decode(ids, { words }).trim()

/** The titles of pages, 50 at a time. */
function written(
  net: PointerGenerator,
  tokenizer: Tokenizer,
  pages: readonly Page[],
  beams = 1,
): string[] {
  const said: string[] = []
  for (let i = 0; i < pages.length; i += 50) {
    const some = pages.slice(i, i + 50)
    const sources = some.map(({ ids }) => framed(ids))
    const starts = sources.map(() => [START])
    const lists = generate(conditioned(net, sources), starts, { stopTokens, beams })
    said.push(...lists.map((ids, n) => textOf(tokenizer, ids, some[n]!)))
  }
  return said
}

/** log P of the labels. */
class Teacher extends Module {
  net: PointerGenerator
  constructor(net: PointerGenerator) {
    super()
    this.net = net
  }
  override forward(source: Tensor, target: Tensor, mask: Tensor, labels: Tensor): Tensor {
    const [n, length] = source.shape as [number, number]
    return this.net.score(source, target, labels, mask.reshape([n, 1, 1, length])) // (N, T)
  }
}

const answers = {
  model: ({ vocabulary, length, dModel, layers }: Config) =>
    new PointerGenerator(vocabulary, roomFor(length), TITLE, {
      dModel,
      N: layers,
      h: Math.max(1, dModel / 32),
      dFf: 4 * dModel,
      unknown: UNKNOWN,
    }),
  async *answer(model, { text, config, options, read }) {
    const tokenizer = Tokenizer.fromJSON(read(TOKENIZER))
    if (plain(text) === '')
      throw new ValueError({
        op: 'summaries',
        rule: 'there must be a description',
        got: 'none',
        fix: 'Give one or more sentences that say what the package does.',
      })
    const page = readPage(tokenizer, text, config.length)
    const reader = conditioned(model, framed(page.ids))
    // Beams are not drawn by chance.
    const beams = options.temperature === undefined ? BEAMS : 1
    const ids = generate(reader, [START], { beams, ...options, stopTokens })
    yield textOf(tokenizer, ids, page)
  },
} satisfies Answers<PointerGenerator, Config>

export default {
  name: 'summaries',
  about:
    "titles for the descriptions of Debian's packages by a Transformer that copies words, ROUGE against the first sentence",
  data: "a list of Debian's descriptions, a file Translation-en",
  defaults: { epochs: 8, batchSize: 64, lr: 0.003 },
  quick: { epochs: 1, limit: 600 },
  options: {
    vocabulary: { about: 'the size of the vocabulary, of words', default: '3000' },
    length: {
      about: 'the longest description in words and signs: what is longer is cut',
      default: '32',
    },
    width: { about: 'width of the model', default: '64' },
    layers: { about: 'layers of the encoder, and of the decoder', default: '1' },
  },
  expect: {
    rouge1: { atLeast: 0.38 },
    gain1: { atLeast: 0.04 },
    gain2: { atLeast: 0.02 },
    gainL: { atLeast: 0.05 },
  },
  answers,
  async run(s) {
    const { limit, data, own = {} } = s.options
    const [vocabSize, length, dModel, layers] = [
      own.vocabulary,
      own.length,
      own.width,
      own.layers,
    ].map(Number) as [number, number, number, number]
    const all = await readDescriptions(data)
    // Every 50th is kept apart.
    const held = all.filter((_, i) => i % 50 === 7).slice(0, limit === undefined ? 400 : 8)
    const known = all.filter((_, i) => i % 50 !== 7).slice(0, limit)
    // Of a title and a description: the words of titles must be known first of all.
    const tokenizer = trainWordLevel(
      known.flatMap(({ title, text }) => [` ${title}`, ` ${title}`, ` ${text}`]),
      { vocabSize: limit === undefined ? vocabSize : 600, specialTokens, preTokenizer },
    )
    tokenizer.setDecoder({ type: 'Fuse' })
    tokenizer.save(join(s.folder, TOKENIZER))
    const size = tokenizer.getVocabSize()
    const encoded = (list: readonly Described[]) =>
      list.map(({ title, text }) => {
        const page = readPage(tokenizer, text, length)
        const { ids } = encodeOpen(tokenizer, ` ${title}`, { words: page.words })
        return { page, title: ids.slice(0, TITLE - 2) }
      })
    const [train, test] = [encoded(known), encoded(held)]
    s.say(`\n${all.length} descriptions; ${train.length} to learn from, ${test.length} to test`)
    const config: Config = { vocabulary: size, length, dModel, layers }
    const net = answers.model(config)
    const pairs = (list: typeof train) => list.map(({ page, title }) => [page.ids, title] as const)
    const { history } = await teach(s, 'pointer-generator', new Teacher(net), {
      train: pairs(train),
      test: pairs(test),
      length,
      labelled: true,
      loss: (logP: Tensor, labels: Tensor) => logP.sum().neg().div(labels.ge(0).sum()),
    })
    s.save(net, { config })
    await s.picture('loss.svg', learningCurves(history, { title: 'titles of descriptions' }))

    const titles = held.map((d) => d.title)
    const pages = test.map(({ page }) => page)
    const greedy = written(net, tokenizer, pages)
    const said = written(net, tokenizer, pages, BEAMS)
    const scores = {
      'first sentence': rouge(
        held.map((d) => firstSentence(d.text)),
        titles,
      ),
      'first 7 words': rouge(
        held.map((d) => d.text.split(' ').slice(0, 7).join(' ')),
        titles,
      ),
      greedy: rouge(greedy, titles),
      [`${BEAMS} beams`]: rouge(said, titles),
    }
    const kinds = ['rouge1', 'rouge2', 'rougeL'] as const
    s.say(`\nF of ROUGE on ${said.length} descriptions`)
    s.say(`${''.padEnd(16)}${['ROUGE-1', 'ROUGE-2', 'ROUGE-L'].map((n) => n.padStart(9)).join('')}`)
    for (const [name, r] of Object.entries(scores))
      s.say(`${name.padEnd(16)}${kinds.map((k) => r[k].f.toFixed(3).padStart(9)).join('')}`)
    for (let i = 0; i < Math.min(6, said.length); i++)
      s.say(`\n  ${held[i]!.text.slice(0, 160)}\n  ${said[i]}\n  (${titles[i]})`)
    const bars = Object.entries(scores).map(([name, r]) => [name, r.rouge1.f] as const)
    await s.picture('rouge.svg', barChart(Object.fromEntries(bars), { y: 'F of ROUGE-1' }))
    const [own1, first] = [scores[`${BEAMS} beams`]!, scores['first sentence']]
    return {
      rouge1: own1.rouge1.f,
      rouge2: own1.rouge2.f,
      rougeL: own1.rougeL.f,
      baseline: first.rouge1.f,
      gain1: own1.rouge1.f - first.rouge1.f,
      gain2: own1.rouge2.f - first.rouge2.f,
      gainL: own1.rougeL.f - first.rougeL.f,
    }
  },
} satisfies Recipe
