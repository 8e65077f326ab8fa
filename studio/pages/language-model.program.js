// @ts-check
import { arange, compile, crossEntropy, manualSeed, noGrad, randint, scan, tensor } from 'nabla'
import { Bert, distribution, GPT2, generate } from 'nabla/models'
import { AdamW } from 'nabla/optim'
import { maskTokens } from 'nabla/text'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ model: 'gpt' | 'bert', text: 'rhymes' | 'poems' | 'own', own: string, layers: number, width: number, context: number, rate: number, temperature: number, topK: number, topP: number, prompt: string, blanks: string, seed: number }} Settings */

/** Songs of 1830 and 1806, and poems of the Tang, which all may use. */
export const texts = {
  rhymes: `Mary had a little lamb,
its fleece was white as snow,
and everywhere that Mary went
the lamb was sure to go.
It followed her to school one day,
which was against the rule;
it made the children laugh and play
to see a lamb at school.
Twinkle, twinkle, little star,
how I wonder what you are!
Up above the world so high,
like a diamond in the sky.
When the blazing sun is gone,
when he nothing shines upon,
then you show your little light,
twinkle, twinkle, all the night.
`,
  poems: `春眠不觉晓，处处闻啼鸟。
夜来风雨声，花落知多少。
床前明月光，疑是地上霜。
举头望明月，低头思故乡。
白日依山尽，黄河入海流。
欲穷千里目，更上一层楼。
红豆生南国，春来发几枝。
愿君多采撷，此物最相思。
空山不见人，但闻人语响。
返景入深林，复照青苔上。
千山鸟飞绝，万径人踪灭。
孤舟蓑笠翁，独钓寒江雪。
`,
}
/** What is not in the text, and what is to be guessed. */
const [UNKNOWN, MASK] = ['?', '_']
const MASK_ID = 1
/** Pieces of the text in one step. */
const BATCH = 16

/** @param {Settings} s */
const textOf = (s) => {
  const text = s.text === 'own' ? s.own : texts[s.text]
  // A short text again and again, so that every piece is full.
  return text.repeat(Math.ceil((2 * s.context) / text.length))
}
/** What is to be continued: the first characters of the text where nothing is typed. @param {Settings} s */
export const promptOf = (s) => s.prompt || [...textOf(s)].slice(0, 5).join('')

/** Words of a line, Chinese characters and marks. @param {string} line */
export const wordsOf = (line) => line.match(/\p{Script=Han}|_|[\p{L}\p{N}'’]+|[^\s]/gu) ?? []
/** Words with the spaces between them again. @param {readonly string[]} words */
export const joined = (words) =>
  words.reduce((t, w) => t + (t && /^[\p{Script=Latin}\d]|^_/u.test(w) && !/\p{Script=Han}/u.test(words.join('')) ? ' ' : '') + w, '') // biome-ignore format: a line
/** What is to be filled: the first line with holes where nothing is typed. @param {Settings} s */
export const blanksOf = (s) =>
  s.blanks ||
  joined(wordsOf(textOf(s).trim().split('\n')[0] ?? '').map((w, i) => (i % 4 === 1 ? MASK : w)))

/** Numbers of words or characters. @param {readonly string[]} all */
function vocabulary(all) {
  const names = [UNKNOWN, MASK, ...new Set(all)]
  const ids = new Map(names.map((name, i) => [name, i]))
  return { names, idOf: (/** @type {string} */ name) => ids.get(name) ?? 0 }
}

/** Many steps of training in one call: inputs and targets (steps, batch, length). @param {GPT2 | Bert} model @param {number} rate */
function trainer(model, rate) {
  const optimizer = new AdamW(model.parameters(), { lr: rate, weightDecay: 0.01 })
  /** @param {Tensor} inputs @param {Tensor} targets */
  const step = (inputs, targets) => {
    const scores = model.forward(inputs)
    const loss = crossEntropy(scores.reshape([-1, scores.shape[2] ?? 0]), targets.reshape([-1]))
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  }
  return compile((/** @type {Tensor} */ inputs, /** @type {Tensor} */ targets) =>
    scan((_, [x, y]) => [null, step(x, y)], null, [inputs, targets])[1].mean(),
  )
}
/** @param {Tensor} t */
const floats = (t) => /** @type {Float32Array} */ (t.contiguous().toTypedArray())
/** @param {GPT2 | Bert} model */
const sizeOf = (model) => model.parameters().reduce((n, p) => n + p.size, 0)

/** A GPT that learns the text by character. @param {Settings} s */
export function writer(s) {
  const text = [...textOf(s)]
  const { names, idOf } = vocabulary(text)
  const all = tensor(text.map(idOf), { dtype: 'int32' })
  const model = new GPT2({ vocabSize: names.length, nPositions: s.context, nEmbd: s.width, nLayer: s.layers, nHead: s.width / 16, dropout: 0 }) // biome-ignore format: a line
  const steps = trainer(model, s.rate)
  const look = compile((/** @type {Tensor} */ ids) => model.forward(ids))
  /** The last characters, as many as the model sees with one more. @param {string} t */
  const seen = (t) => [...t].map(idOf).slice(1 - s.context)
  return {
    model,
    names,
    parameters: sizeOf(model),
    /** k steps on random pieces of the text; the mean loss. @param {number} k */
    run(k) {
      const from = randint(0, all.size - s.context, [k, BATCH, 1])
      const at = from.add(arange(s.context, { dtype: 'int32' }))
      return steps(all.at(at), all.at(at.add(1))).item()
    },
    /** How probable each character is after a text: by the model, and as it is drawn. @param {string} t @param {Settings} how */
    next(t, { temperature, topK, topP }) {
      const ids = seen(t)
      // Nothing looks at what comes later: padded, so that one program serves all lengths.
      const row = Array.from({ length: s.context }, (_, i) => ids[i] ?? 0)
      const scores = noGrad(() => look(tensor([row], { dtype: 'int32' })))
      const last = floats(scores.select(0, 0).select(0, ids.length - 1))
      return {
        model: distribution(last, [], { temperature: 1 }),
        drawn: distribution(last, [], { temperature, topK, topP }),
      }
    },
    /** The number of the next character, drawn. @param {string} t @param {Settings} how @param {number} seed */
    draw(t, { temperature, topK, topP }, seed) {
      const [id = 0] = generate(model, seen(t), { maxNewTokens: 1, temperature, topK, topP, seed })
      return id
    },
  }
}

/** A masked model that learns the lines of the text by word, each by what stands on both sides. @param {Settings} s */
export function filler(s) {
  const most = 24
  // Longer lines in pieces.
  const lines = textOf(s)
    .split('\n')
    .flatMap((line) => {
      const words = wordsOf(line)
      return Array.from({ length: Math.ceil(words.length / most) }, (_, i) => words.slice(i * most, (i + 1) * most)) // biome-ignore format: a line
    })
  const { names, idOf } = vocabulary(lines.flat())
  /** @param {readonly string[]} words */
  const row = (words) => Array.from({ length: most }, (_, i) => (words[i] ? idOf(words[i]) : 0))
  const all = tensor(lines.map(row), { dtype: 'int32' })
  const vocabSize = names.length
  const model = new Bert({ vocabSize, maxPositionEmbeddings: most, hiddenSize: s.width, intermediateSize: 4 * s.width, numHiddenLayers: s.layers, numAttentionHeads: s.width / 16, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 }) // biome-ignore format: a line
  const steps = trainer(model, s.rate)
  const look = compile((/** @type {Tensor} */ ids) => model.forward(ids))
  return {
    model,
    names,
    most,
    parameters: sizeOf(model),
    /** k steps, in each of which a third of the words are hidden; the mean loss. @param {number} k */
    run(k) {
      const rows = all.at(randint(0, lines.length, [k, BATCH]))
      const { inputs, labels } = maskTokens(rows, { maskId: MASK_ID, vocabSize, keep: [0], probability: 0.3 }) // biome-ignore format: a line
      return steps(inputs, labels).item()
    },
    /** How probable each word is in each blank. @param {string} t */
    fill(t) {
      const words = wordsOf(t).slice(0, most)
      const scores = noGrad(() => look(tensor([row(words)], { dtype: 'int32' }))).select(0, 0)
      return words.flatMap((w, place) =>
        w === MASK
          ? [{ place, model: distribution(floats(scores.select(0, place)), [], { temperature: 1 }) }] // biome-ignore format: a line
          : [],
      )
    },
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const model = s.model === 'gpt' ? writer(s) : filler(s)
  console.log('parameters', model.parameters)
  for (let i = 0; i < 5; i++) console.log(`after ${(i + 1) * 8} steps: loss ${model.run(8)}`)
  if ('fill' in model) {
    for (const { place, model: p } of model.fill(blanksOf(s)))
      console.log(`place ${place}: ${model.names[p.indexOf(Math.max(...p))]}`)
    return
  }
  let text = promptOf(s)
  console.log('the most probable next character has', Math.max(...model.next(text, s).model))
  for (let i = 0; i < 40; i++) text += model.names[model.draw(text, s, i)]
  console.log(JSON.stringify(text))
}
