/** Text from a model of the next token: greedy, by chance, by beams, with a smaller model ahead; as it comes, or at once. */
import { pow as power } from '../core/math.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { pacer } from '../core/pause.js'
import { noGrad } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'
import type { CausalModel } from './decoder.js'
import {
  argmax,
  chance,
  checkSampling,
  distribution,
  drawn,
  penalized,
  pick,
  type SamplingOptions,
} from './sampling.js'
import { ints, logitsAfter, rounded, Session } from './session.js'

export interface GenerateOptions extends SamplingOptions {
  /** The most tokens to add; as many as the model has room for unless given. */
  maxNewTokens?: number
  /** Generation of a sequence ends after one of these, which is its last. */
  stopTokens?: number | readonly number[]
  /** How many sequences are followed at once; the most probable one wins. */
  beams?: number
  /** Sums of log probabilities are divided by the length to this power: above 0 longer ones win. 1 unless given. */
  lengthPenalty?: number
  /** A smaller model with the same vocabulary that writes ahead; what it writes is checked, and the result is as without. */
  draft?: CausalModel
  /** How many tokens it writes ahead. 4 unless given. */
  draftTokens?: number
  /** false: everything is computed anew for each token. */
  cache?: boolean
}
const names: OptionNames<GenerateOptions> = {
  maxNewTokens: true,
  stopTokens: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  seed: true,
  beams: true,
  lengthPenalty: true,
  draft: true,
  draftTokens: true,
  cache: true,
}
const OP = 'generate'

/** Token ids: a list of them, several of any lengths, or a tensor (L) or (N, L). */
export type Prompt = readonly number[] | readonly (readonly number[])[] | Tensor

function promptsOf(given: Prompt, vocabSize: number): { prompts: number[][]; single: boolean } {
  const list = (given instanceof Tensor ? given.toArray() : given) as number[] | number[][]
  const single = !Array.isArray(list[0])
  const prompts = (single ? [list] : list) as number[][]
  for (const p of prompts) {
    if (p.length === 0)
      throw new ShapeError({ op: OP, rule: 'a prompt has at least one token', got: 'none' })
    for (const t of p)
      if (!Number.isInteger(t) || t < 0 || t >= vocabSize)
        throw new ValueError({
          op: OP,
          rule: `tokens are whole numbers from 0 to ${vocabSize - 1}`,
          got: `${t}`,
        })
  }
  return { prompts: prompts.map((p) => [...p]), single }
}

/** The prompts with padding at the left, to one length. */
function padded(prompts: readonly (readonly number[])[], most: number) {
  const longest = Math.max(...prompts.map((p) => p.length))
  const width = Math.min(rounded(longest), most)
  const padding = prompts.map((p) => width - p.length)
  return {
    width,
    padding,
    rows: prompts.map((p, n) => [...new Array<number>(padding[n]!).fill(0), ...p]),
  }
}

interface Read {
  prompts: number[][]
  single: boolean
  room: number
  stops: ReadonlySet<number>
  options: GenerateOptions
}
function read(model: CausalModel, prompt: Prompt, given: GenerateOptions): Read {
  const options = checkOptions(OP, given, names)
  checkSampling(OP, options)
  const { prompts, single } = promptsOf(prompt, model.vocabSize)
  const longest = Math.max(...prompts.map((p) => p.length))
  if (longest > model.maxLength)
    throw new ShapeError({
      op: OP,
      rule: `a prompt has at most ${model.maxLength} tokens for this model`,
      got: `${longest}`,
      fix: 'Leave out its beginning.',
    })
  const { maxNewTokens, stopTokens = [], beams = 1, draft, draftTokens = 4 } = options
  for (const [name, n] of Object.entries({
    maxNewTokens: maxNewTokens ?? 0,
    beams: beams - 1,
    draftTokens: draftTokens - 1,
  }))
    if (!Number.isInteger(n) || n < 0)
      throw new ValueError({
        op: OP,
        rule: `${name} must be a whole number from ${name === 'maxNewTokens' ? 0 : 1} up`,
        got: `${n + (name === 'maxNewTokens' ? 0 : 1)}`,
      })
  if (draft && (draft.vocabSize !== model.vocabSize || beams > 1))
    throw new ValueError({
      op: OP,
      rule: 'a draft has the vocabulary of the model, and goes without beams',
      got: `${draft.vocabSize} tokens, ${beams} beams`,
    })
  const room = Math.min(maxNewTokens ?? Number.POSITIVE_INFINITY, model.maxLength - longest)
  const stops = new Set(typeof stopTokens === 'number' ? [stopTokens] : stopTokens)
  return { prompts, single, room, stops, options }
}

/** In evaluation mode while `f` runs. */
function* inEvaluation<T>(models: readonly CausalModel[], f: () => Generator<T>): Generator<T> {
  const were = models.map((m) => m.training)
  for (const m of models) m.eval()
  try {
    yield* f()
  } finally {
    models.forEach((m, i) => {
      m.train(were[i])
    })
  }
}

/** Tokens step by step: one for each sequence that has not ended, undefined for the others. */
function* steps(model: CausalModel, r: Read): Generator<(number | undefined)[]> {
  const { prompts, room, stops, options } = r
  const { seed = 0, cache = true } = options
  if (room === 0) return
  const texts = prompts.map((p) => [...p])
  const done = texts.map(() => false)
  const choose = (logits: Float32Array, n: number, step: number) =>
    drawn(logits, texts[n]!, options, () => chance(seed, n, step))
  const { width, padding, rows } = padded(
    prompts,
    model.maxLength - Math.min(room, model.maxLength - 1),
  )
  const capacity = Math.min(rounded(width + room), Math.max(model.maxLength, width + room))
  const session = cache ? Session.of(model, padding, capacity) : undefined
  const alone = cache ? [] : texts.map((_, n) => model.sequence(n))
  const last = (n: number) =>
    // What is made for this text alone would be compiled for it alone.
    alone[n] === model
      ? logitsAfter(model, texts[n]!)
      : (noGrad(() =>
          alone[n]!.forward(ints(texts[n]!, [1, texts[n]!.length]), { logitsToKeep: 1 }),
        )
          .contiguous()
          .toTypedArray() as Float32Array)
  let logits = session?.run(rows, 0, true)
  for (let step = 0; step < room; step++) {
    const now = texts.map((text, n) => {
      if (done[n]) return undefined
      const token = choose(logits ? logits[n]![0]! : last(n), n, step)
      text.push(token)
      done[n] = stops.has(token)
      return token
    })
    yield now
    if (done.every(Boolean) || step === room - 1) return session?.rest()
    logits = session?.run(
      now.map((t) => [t ?? 0]),
      width + step,
    )
  }
}

/**
 * The same with a smaller model that writes ahead, for one prompt at a time: the large one sees all of it in one step, and
 * takes each token with the probability that leaves its own distribution as it is (Leviathan et al.,
 * https://arxiv.org/abs/2211.17192).
 */
function* speculative(
  model: CausalModel,
  draft: CausalModel,
  n: number,
  r: Read,
): Generator<number> {
  const { prompts, stops, options } = r
  const { seed = 0, draftTokens = 4 } = options
  const text = [...prompts[n]!]
  const room = Math.min(r.room, draft.maxLength - text.length)
  const { width, padding, rows } = padded([text], Math.min(model.maxLength, draft.maxLength) - 1)
  const capacity = rounded(width + room + draftTokens + 1)
  const [large, small] = [
    Session.of(model, padding, capacity),
    Session.of(draft, padding, capacity),
  ]
  const shift = padding[0]!
  let ahead = small.run(rows, 0, true)[0]!.at(-1)!
  let known = large.run(rows, 0, true)[0]!.at(-1)!
  let made = 0
  while (made < room) {
    // Token by token, each with the distribution it was drawn from.
    const guesses: number[] = []
    const by: Float64Array[] = []
    const start = text.length + shift
    for (let i = 0; i < Math.min(draftTokens, room - made - 1); i++) {
      const p = distribution(ahead, [...text, ...guesses], options)
      const token = pick(p, chance(seed, n, made + i, 1))
      guesses.push(token)
      by.push(p)
      ahead = small.run([[token]], start + i)[0]![0]!
    }
    const seen = guesses.length > 0 ? large.run([guesses], start)[0]! : []
    let kept = 0
    let next: number | undefined
    for (; kept < guesses.length && next === undefined; kept++) {
      const before = [...text, ...guesses.slice(0, kept)]
      const p = distribution(kept === 0 ? known : seen[kept - 1]!, before, options)
      const [token, q] = [guesses[kept]!, by[kept]!]
      if (chance(seed, n, made + kept, 2) * q[token]! < p[token]!) continue
      // What the large model gives more than the small one.
      const rest = p.map((x, i) => Math.max(0, x - q[i]!))
      const sum = rest.reduce((a, b) => a + b, 0)
      next = pick(sum > 0 ? rest.map((x) => x / sum) : p, chance(seed, n, made + kept))
      break
    }
    if (next === undefined) {
      const p = distribution(kept === 0 ? known : seen[kept - 1]!, [...text, ...guesses], options)
      next = pick(p, chance(seed, n, made + kept))
    }
    for (const token of [...guesses.slice(0, kept), next]) {
      text.push(token)
      made++
      yield token
      if (stops.has(token) || made >= room) {
        large.rest()
        small.rest()
        return
      }
    }
    const at = text.length - 1 + shift
    known = large.run([[next]], at)[0]![0]!
    // The small model has not seen its last guess when all were taken.
    ahead = small.run([[next]], at)[0]![0]!
  }
}

interface Beam {
  tokens: number[]
  score: number
}
/** The sequence of the largest sum of log probabilities, divided by its length to the power of the penalty. */
function beamSearch(model: CausalModel, prompt: readonly number[], r: Read): number[] {
  const { stops, options, room } = r
  const { beams = 1, lengthPenalty = 1, repetitionPenalty = 1 } = options
  if (room === 0) return []
  const { width, padding, rows } = padded(
    [prompt],
    model.maxLength - Math.min(room, model.maxLength - 1),
  )
  const capacity = rounded(width + room)
  const session = Session.of(model, new Array<number>(beams).fill(padding[0]!), capacity)
  let logits = session.run(new Array(beams).fill(rows[0]!), 0, true)
  let open: Beam[] = [{ tokens: [], score: 0 }]
  const ended: Beam[] = []
  const worth = ({ tokens, score }: Beam) =>
    score / power(Math.max(1, tokens.length), lengthPenalty)
  for (let step = 0; step < room; step++) {
    const next = open.flatMap((beam, b) => {
      const z = penalized(logits[b]![0]!, [...prompt, ...beam.tokens], repetitionPenalty)
      const top = z[argmax(z)]!
      const all = Math.log(z.reduce((s, x) => s + Math.exp(x - top), 0)) + top
      return best(z, 2 * beams).map((token) => ({ b, token, score: beam.score + z[token]! - all }))
    })
    next.sort((x, y) => y.score - x.score)
    const from: number[] = []
    const grown: Beam[] = []
    for (const { b, token, score } of next.slice(0, 2 * beams)) {
      const beam = { tokens: [...open[b]!.tokens, token], score }
      if (stops.has(token)) ended.push(beam)
      else if (grown.length < beams) {
        grown.push(beam)
        from.push(b)
      }
    }
    ended.sort((x, y) => worth(y) - worth(x))
    open = grown
    const goal = ended[beams - 1]
    if (open.length === 0 || step === room - 1 || (goal && worth(goal) >= worth(open[0]!))) break
    while (from.length < beams) from.push(from[0]!)
    session.reorder(from)
    const tokens = from.map((_, i) => [(open[i] ?? open[0]!).tokens.at(-1)!])
    logits = session.run(tokens, width + step)
  }
  session.rest()
  return [...ended, ...open].reduce((a, b) => (worth(b) > worth(a) ? b : a)).tokens
}
/** The places of the n largest, the first on ties. */
function best(z: Float64Array, n: number): number[] {
  return Array.from(z.keys())
    .sort((a, b) => z[b]! - z[a]! || a - b)
    .slice(0, n)
}

/**
 * Continues a prompt by a model of the next token, such as GPT2 or Llama: the new tokens, without the prompt; of several
 * prompts, of any lengths, a list of them. Greedy unless `temperature` is given. The model computes in evaluation mode, with
 * a cache that is written in place.
 * @throws ShapeError for a prompt that is longer than the model's sequences or empty; ValueError for tokens outside of the
 * vocabulary and options out of range
 * @example
 * const model = new GPT2({ vocabSize: 10, nPositions: 16, nEmbd: 4, nLayer: 1, nHead: 2 })
 * generate(model, [1, 2, 3], { maxNewTokens: 5 }).length // 5
 */
export function generate(
  model: CausalModel,
  prompt: readonly number[],
  options?: GenerateOptions,
): number[]
export function generate(
  model: CausalModel,
  prompts: readonly (readonly number[])[],
  options?: GenerateOptions,
): number[][]
export function generate(
  model: CausalModel,
  prompt: Prompt,
  options?: GenerateOptions,
): number[] | number[][]
export function generate(
  model: CausalModel,
  prompt: Prompt,
  options: GenerateOptions = {},
): number[] | number[][] {
  const r = read(model, prompt, options)
  const texts: number[][] = r.prompts.map(() => [])
  for (const now of tokens(model, r))
    now.forEach((t, n) => {
      texts[n]!.push(...t)
    })
  return r.single ? texts[0]! : texts
}

/** New tokens of each sequence as they come. */
function* tokens(model: CausalModel, r: Read): Generator<number[][]> {
  const { draft, beams = 1 } = r.options
  const at = (n: number, t: number[]) => r.prompts.map((_, i) => (i === n ? t : []))
  yield* inEvaluation(draft ? [model, draft] : [model], function* () {
    if (beams > 1)
      for (const [n, p] of r.prompts.entries()) yield at(n, beamSearch(model.sequence(n), p, r))
    else if (draft)
      for (const n of r.prompts.keys())
        for (const t of speculative(model.sequence(n), draft.sequence(n), n, r)) yield at(n, [t])
    else for (const now of steps(model, r)) yield now.map((t) => (t === undefined ? [] : [t]))
  })
}

/**
 * The same as `generate`, token by token as they come: `for await (const token of stream(model, prompt))`. Between two
 * tokens others may run: a page stays alive, a server answers. Leaving the loop ends it.
 */
export async function* stream(
  model: CausalModel,
  prompt: readonly number[],
  options: GenerateOptions = {},
): AsyncGenerator<number> {
  const r = read(model, prompt, options)
  const pause = pacer()
  for (const [now] of tokens(model, r)) {
    for (const t of now!) yield t
    await pause()
  }
}

/**
 * How surprised a model is by a text: the exponential of its mean negative log probability of each token but the first.
 * @throws ShapeError for a text of fewer than two tokens
 */
export function perplexity(model: CausalModel, text: readonly number[]): number {
  const { prompts } = promptsOf(text, model.vocabSize)
  const all = prompts[0]!
  if (all.length < 2)
    throw new ShapeError({
      op: 'perplexity',
      rule: 'a text has at least two tokens',
      got: `${all.length}`,
    })
  const was = model.training
  model.eval()
  try {
    const y = noGrad(() => model.forward(ints(all, [1, all.length])))
    const data = y.contiguous().toTypedArray() as Float32Array
    const V = model.vocabSize
    let sum = 0
    for (let i = 0; i + 1 < all.length; i++) {
      const z = data.subarray(i * V, (i + 1) * V)
      const top = z[argmax(z)]!
      sum += Math.log(z.reduce((s, x) => s + Math.exp(x - top), 0)) + top - z[all[i + 1]!]!
    }
    return Math.exp(sum / (all.length - 1))
  } finally {
    model.train(was)
  }
}
