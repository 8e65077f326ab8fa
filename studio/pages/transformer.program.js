// @ts-check
import { compile, crossEntropy, manualSeed, noGrad, randint, scan, stack, tensor } from 'nabla'
import { buildTransformer, causalMask, distribution } from 'nabla/models'
import { Adam } from 'nabla/optim'
import { translationBatch } from 'nabla/text'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ task: 'reverse' | 'translate' | 'sort', source: string, width: number, layers: number, heads: number, rate: number, seed: number }} Settings */

const english = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
const chinese = [...'零一二三四五六七八九']
const digits = english.map((_, i) => `${i}`)
/** Padding, start and end come before the words. */
const special = ['[PAD]', '[SOS]', '[EOS]']
const [PAD, SOS, EOS] = [0, 1, 2]
/** Words of a sentence at most, and places with start and end. */
const MOST = 6
const PLACES = MOST + 2
const BATCH = 32

/** Each task: the words of both languages, and what is to come out. */
const tasks = {
  reverse: { from: digits, to: digits, f: (/** @type {number[]} */ n) => n.toReversed() },
  translate: { from: english, to: chinese, f: (/** @type {number[]} */ n) => n },
  sort: { from: digits, to: digits, f: (/** @type {number[]} */ n) => n.toSorted((a, b) => a - b) },
}
/** The numbers of a sentence, in any of the languages; null for other words. @param {string} text */
export function numbersOf(text) {
  const words = text.toLowerCase().match(/[a-z]+|[^\sa-z]/g) ?? []
  const found = words.map((w) => Math.max(...[english, chinese, digits].map((l) => l.indexOf(w))))
  return found.length > 0 && found.length <= MOST && !found.includes(-1) ? found : null
}

/** @param {Settings} s */
export function build(s) {
  const { from, to, f } = tasks[s.task]
  const vocabulary = special.length + from.length
  const model = buildTransformer(vocabulary, vocabulary, PLACES, PLACES, { dModel: s.width, N: s.layers, h: s.heads, dFf: 2 * s.width, dropout: 0 }) // biome-ignore format: a line
  const optimizer = new Adam(model.parameters(), { lr: s.rate, betas: [0.9, 0.98], eps: 1e-9 })
  /** Source, what the decoder is given, and what it is to say, padded to one length. @param {number[][]} sentences */
  const batch = (sentences) => {
    const ids = (/** @type {number[]} */ n) => n.map((v) => v + special.length)
    const pairs = sentences.map((n) => /** @type {const} */ ([ids(n), ids(f(n))]))
    const { source, target, labels } = translationBatch(pairs, { padId: PAD, startId: SOS, endId: EOS, multipleOf: PLACES }) // biome-ignore format: a line
    return [source, target, labels]
  }
  /** No word looks at padding. @param {Tensor} source */
  const maskOf = (source) => source.ne(PAD).reshape([-1, 1, 1, PLACES])
  const future = causalMask(PLACES)
  /** @param {Tensor} source @param {Tensor} target @param {Tensor} labels */
  const step = (source, target, labels) => {
    const logits = model.forward(source, target, maskOf(source), future)
    const loss = crossEntropy(logits.reshape([-1, vocabulary]), labels.reshape([-1]))
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  }
  const steps = compile(
    (/** @type {Tensor} */ x, /** @type {Tensor} */ y, /** @type {Tensor} */ z) =>
      scan((_, [a, b, c]) => [null, step(a, b, c)], null, [x, y, z])[1].mean(),
  )
  const attentions = [
    model.encoder.layers.map((l) => l.self_attention_block),
    model.decoder.layers.map((l) => l.self_attention_block),
    model.decoder.layers.map((l) => l.cross_attention_block),
  ]
  /** The logits, and what each head of each layer looks at: (heads, places, places) for each of the three attentions. */
  const look = compile((/** @type {Tensor} */ source, /** @type {Tensor} */ target) => {
    for (const a of attentions.flat()) a.keepScores = true
    const logits = model.forward(source, target, maskOf(source), future).select(0, 0)
    const maps = attentions.map((list) =>
      stack(list.map((a) => /** @type {Tensor} */ (a.attentionScores).select(0, 0))),
    )
    for (const a of attentions.flat()) {
      a.keepScores = false
      a.attentionScores = null
    }
    return [logits, ...maps]
  })
  /** @param {number} id */
  const word = (id) => special[id] ?? to[id - special.length] ?? ''
  /** How probable each word is at a place. @param {Tensor} logits @param {number} place */
  const chances = (logits, place) =>
    distribution(/** @type {Float32Array} */ (logits.select(0, place).contiguous().toTypedArray()), [], { temperature: 1 }) // biome-ignore format: a line

  return {
    model,
    parameters: model.parameters().reduce((n, p) => n + p.size, 0),
    /** The words of the vocabulary of the target. */
    words: Array.from({ length: vocabulary }, (_, i) => word(i)),
    /** k steps on sentences that are drawn; the mean loss. @param {number} k */
    run(k) {
      const count = k * BATCH
      const lengths = randint(1, MOST + 1, [count]).toTypedArray()
      const drawn = randint(0, from.length, [count * MOST]).toTypedArray()
      const sentences = Array.from({ length: count }, (_, i) =>
        [...drawn.subarray(i * MOST, i * MOST + (lengths[i] ?? 1))].map(Number),
      )
      const [x, y, z] = batch(sentences).map((t) => t.reshape([k, BATCH, PLACES]))
      return steps(
        /** @type {Tensor} */ (x),
        /** @type {Tensor} */ (y),
        /** @type {Tensor} */ (z),
      ).item()
    },
    /** Teacher forcing: the decoder is given the right words, and says each next one at once. @param {number[]} numbers */
    teach(numbers) {
      const [source, target] = batch([numbers])
      const [logits, ...maps] = noGrad(() =>
        look(/** @type {Tensor} */ (source), /** @type {Tensor} */ (target)),
      )
      const wanted = [...f(numbers).map((n) => n + special.length), EOS]
      return {
        source: [special[SOS], ...numbers.map((n) => from[n]), special[EOS]].map(String),
        given: [SOS, ...wanted.slice(0, -1)].map(word),
        wanted: wanted.map(word),
        chances: wanted.map((_, i) => chances(/** @type {Tensor} */ (logits), i)),
        maps,
      }
    },
    /** Generation: the decoder is given what it has said itself, until it says the end. @param {number[]} numbers */
    write(numbers) {
      const [source] = batch([numbers])
      const said = [SOS]
      const steps = []
      while (said.length < PLACES && said.at(-1) !== EOS) {
        const row = Array.from({ length: PLACES }, (_, i) => said[i] ?? PAD)
        const [logits] = noGrad(() =>
          look(/** @type {Tensor} */ (source), tensor([row], { dtype: 'int32' })),
        )
        const p = chances(/** @type {Tensor} */ (logits), said.length - 1)
        said.push(p.indexOf(Math.max(...p)))
        steps.push(p)
      }
      return { said: said.slice(1).map(word), chances: steps }
    },
    /** The shape of what each part gives for a sentence, as it runs. @param {number[]} numbers */
    shapes(numbers) {
      /** @type {Record<string, readonly number[]>} */
      const found = {}
      const hooks = [...model.namedModules()].map(([name, m]) =>
        m.registerForwardHook((_, __, out) => {
          if (out && typeof out === 'object' && 'shape' in out)
            found[name] = /** @type {Tensor} */ (out).shape
        }),
      )
      const [source, target] = batch([numbers]).map((t) => t.narrow(1, 0, numbers.length + 2))
      const seen = /** @type {Tensor} */ (target).narrow(1, 0, numbers.length + 1)
      noGrad(() => model.forward(/** @type {Tensor} */ (source), seen))
      for (const h of hooks) h.remove()
      return found
    },
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, write, teach, parameters } = build(s)
  console.log('parameters', parameters)
  for (let i = 0; i < 5; i++) console.log(`after ${(i + 1) * 8} steps: loss ${run(8)}`)
  const numbers = numbersOf(s.source) ?? [1]
  console.log('wanted', teach(numbers).wanted.join(' '))
  console.log('said', write(numbers).said.join(' '))
}
