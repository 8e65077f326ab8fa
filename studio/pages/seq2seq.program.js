// @ts-check
import {
  compile,
  concat,
  crossEntropy,
  full,
  indexSelect,
  manualSeed,
  noGrad,
  randint,
  scan,
  stack,
  tensor,
} from 'nabla'
import * as nn from 'nabla/nn'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ task: 'reverse' | 'sort' | 'dates', forcing: 'teacher' | 'free', length: number, width: number, rate: number, text: string, seed: number }} Settings */

const BATCH = 32
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (/** @type {number} */ n, fill = '0') => `${n}`.padStart(2, fill)

/** What is read, what is to be written, and batches of both as (steps, n) ids. @param {Settings} s */
export function taskOf(s) {
  const symbols =
    s.task === 'dates' ? [...new Set(` 0123456789-${MONTHS.join('')}`)] : [...'0123456789']
  const ids = (/** @type {string} */ text) => [...text].map((c) => symbols.indexOf(c))
  if (s.task === 'dates') {
    /** Texts of one length as (count, length). @param {string[]} texts */
    const table = (texts) => tensor(texts.map(ids), { dtype: 'int32' })
    const days = Array.from({ length: 31 }, (_, i) => i + 1)
    const years = Array.from({ length: 100 }, (_, i) => `${1950 + i}`)
    const spoken = [
      table(days.map((d) => two(d, ' '))),
      table(MONTHS.map((m) => ` ${m} `)),
      table(years),
    ]
    const written = [
      table(days.map((d) => two(d))),
      table(MONTHS.map((_, i) => `-${two(i + 1)}-`)),
      table(years),
    ]
    return {
      symbols,
      ids,
      /** @param {number} n @returns {[Tensor, Tensor]} */
      batch(n) {
        const picks = [31, 12, 100].map((count) => randint(0, count, [n]))
        const rows = (/** @type {Tensor[]} */ tables) =>
          tables.map((t, i) => indexSelect(t, 0, /** @type {Tensor} */ (picks[i])).transpose(0, 1))
        return [concat(rows(spoken), 0), concat(rows(written).reverse(), 0)]
      },
      /** The text as the task has it; undefined when it is none. @param {string} text */
      source(text) {
        const found = /^\s*(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})\s*$/.exec(text)
        const [, d = '', m = '', y = ''] = found ?? []
        const fine = MONTHS.includes(m) && +d >= 1 && +d <= 31
        return fine ? `${two(+d, ' ')} ${m} ${y}` : undefined
      },
      /** @param {string} source */
      truth: (source) =>
        `${source.slice(7)}-${two(MONTHS.indexOf(source.slice(3, 6)) + 1)}-${two(Number.parseInt(source, 10))}`,
    }
  }
  return {
    symbols,
    ids,
    /** @param {number} n @returns {[Tensor, Tensor]} */
    batch(n) {
      const source = randint(0, 10, [s.length, n])
      return [source, s.task === 'reverse' ? source.flip([0]) : source.sort(0)[0]]
    },
    /** @param {string} text */
    source: (text) => (/^\d{2,14}$/.test(text.trim()) ? text.trim() : undefined),
    /** @param {string} source */
    truth: (source) => (s.task === 'reverse' ? [...source].reverse() : [...source].sort()).join(''),
  }
}

/** An encoder whose last state is all that the decoder gets, or whose states it looks at. */
class Translator extends nn.Module {
  /** @param {number} symbols @param {number} width @param {boolean} looks */
  constructor(symbols, width, looks) {
    super()
    this.symbols = symbols
    this.source = new nn.Embedding(symbols, 16)
    // One more: the sign to begin.
    this.target = new nn.Embedding(symbols + 1, 16)
    this.encoder = new nn.GRU(16, width)
    this.decoder = new nn.GRU(16, width)
    this.attention = looks ? new nn.MultiheadAttention(width, 1) : null
    this.out = new nn.Linear(looks ? 2 * width : width, symbols)
  }
  /** Scores of the next symbol after each of `given` (T, B). @param {Tensor} given @param {Tensor} memory @param {Tensor} state */
  say(given, memory, state) {
    const [h, next] = this.decoder.forward(this.target.forward(given), state)
    if (!this.attention) return { scores: this.out.forward(h), weights: null, next }
    const [found, weights] = this.attention.forward(h, memory, memory) // weights (B, T, S)
    return { scores: this.out.forward(concat([h, found], 2)), weights, next }
  }
  /** With `forced` (T, B) each step is given what should have been written before it. @param {Tensor} source (S, B) @param {Tensor} forced */
  teach(source, forced) {
    const [memory, state] = this.encoder.forward(this.source.forward(source))
    const T = forced.shape[0] ?? 0
    const start = full([1, source.shape[1] ?? 0], this.symbols, { dtype: 'int32' })
    return this.say(concat([start, forced.narrow(0, 0, T - 1)], 0), memory, state)
  }
  /** Each step is given what was written before it. @param {Tensor} source (S, B) @param {number} T */
  forward(source, T) {
    const [memory, first] = this.encoder.forward(this.source.forward(source))
    let given = full([1, source.shape[1] ?? 0], this.symbols, { dtype: 'int32' })
    let state = first
    const all = []
    const looked = []
    for (let t = 0; t < T; t++) {
      const { scores, weights, next } = this.say(given, memory, state)
      all.push(scores)
      if (weights) looked.push(weights)
      given = scores.argmax(2).cast('int32')
      state = next
    }
    return { scores: concat(all, 0), weights: looked.length > 0 ? concat(looked, 1) : null }
  }
}

/** @param {Settings} s */
export function build(s) {
  const task = taskOf(s)
  const { symbols, batch, ids } = task
  const T = s.task === 'dates' ? 10 : s.length
  const models = [true, false].map((looks) => new Translator(symbols.length, s.width, looks))
  const optimizers = models.map((m) => new Adam(m.parameters(), { lr: s.rate }))
  const step = () => {
    const [source, target] = batch(BATCH)
    return stack(
      models.map((model, i) => {
        const { scores } =
          s.forcing === 'teacher' ? model.teach(source, target) : model.forward(source, T)
        const loss = crossEntropy(scores.reshape([-1, symbols.length]), target.reshape([-1]))
        optimizers[i]?.zeroGrad()
        loss.backward()
        optimizers[i]?.step()
        return loss
      }),
    )
  }
  const steps = compile((/** @type {number} */ k) =>
    scan(() => [null, step()], null, null, { length: k })[1].mean(0),
  )
  const [testSource, testTarget] = batch(100)
  const right = compile(() =>
    models.map((m) =>
      m.forward(testSource, T).scores.argmax(2).eq(testTarget).all(0).cast('float32').mean(),
    ),
  )
  const column = (/** @type {string} */ text) =>
    tensor(ids(text), { dtype: 'int32' }).reshape([-1, 1])
  const texts = (/** @type {Tensor} */ scores) =>
    Array.from(scores.argmax(2).toTypedArray(), (i) => symbols[Number(i)]).join('')
  return {
    model: new nn.ModuleDict({ looking: models[0], blind: models[1] }),
    task,
    /** Takes `k` steps of both, gives their mean losses: with attention, without. @param {number} k */
    run: (k) => [...steps(k).toTypedArray()],
    /** The share of 100 sequences that are written without a mistake, each by itself. */
    accuracy: () => noGrad(() => right().map((t) => t.item())),
    /** What both make of a text, by themselves and with the truth given step by step. @param {string} source */
    answer: (source) =>
      noGrad(() =>
        models.map((m) => {
          const target = column(task.truth(source))
          const { scores, weights } = m.forward(column(source), target.shape[0] ?? 0)
          return {
            free: texts(scores),
            forced: texts(m.teach(column(source), target).scores),
            weights: weights ? weights.select(0, 0) : null,
          }
        }),
      ),
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, accuracy } = build(s)
  for (let i = 0; i < 2; i++) {
    const [looking, blind] = run(40)
    console.log(`after ${(i + 1) * 40} steps: loss with attention ${looking}, without ${blind}`)
  }
  console.log('sequences without a mistake', accuracy().join(', '))
}
