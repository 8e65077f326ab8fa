/** Translation: an encoder-decoder that has read its source generates as its forward pass says, with caches and without. */
import { manualSeed, noGrad, ones, tensor } from 'nabla'
import * as models from 'nabla/models'
import { describe, expect, test } from 'vitest'

const V = 19
const START = 1
const LONGEST = 24
const made = (seed = 4) => {
  manualSeed(seed)
  const model = models.buildTransformer(17, V, 12, LONGEST, {
    dModel: 16,
    N: 2,
    h: 4,
    dropout: 0.3,
    dFf: 24,
  })
  // Weights large enough that distributions are not flat.
  for (const p of model.parameters()) if (p.rank > 1) noGrad(() => p.assign(p.mul(2)))
  return model.eval() as models.EncoderDecoder
}
const sources = [[2, 3, 4, 5, 6, 7], [9], [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6]]
const starts = sources.map(() => [START])

/** Log probabilities of the next token, all computed anew by the forward pass of training. */
function next(model: models.EncoderDecoder, source: number[], text: number[]): number[] {
  const row = (t: number[]) => tensor([t], { dtype: 'int32' })
  const y = noGrad(() => model.forward(row(source), row(text)).logSoftmax(-1))
  return (y.toArray() as number[][][])[0]!.at(-1)!
}
const best = (p: number[]) => p.indexOf(Math.max(...p))
function greedy(model: models.EncoderDecoder, source: number[], n: number): number[] {
  const text = [START]
  for (let i = 0; i < n; i++) text.push(best(next(model, source, text)))
  return text.slice(1)
}
const score = (model: models.EncoderDecoder, source: number[], text: number[]) =>
  text.reduce((s, t, i) => s + next(model, source, [START, ...text.slice(0, i)])[t]!, 0)

const model = made()

test('token by token as the forward pass, sources of many lengths together and one by one', () => {
  const together = models.generate(models.conditioned(model, sources), starts, { maxNewTokens: 10 })
  sources.forEach((s, i) => {
    const alone = models.conditioned(model, s)
    expect(together[i]).toEqual(greedy(model, s, 10))
    expect(models.generate(alone, [START], { maxNewTokens: 10 })).toEqual(together[i])
  })
  const uncached = models.generate(models.conditioned(model, sources), starts, {
    maxNewTokens: 10,
    cache: false,
  })
  expect(uncached).toEqual(together)
  expect(new Set(together.map(String)).size).toBe(3)
  expect(new Set(together[0]).size).toBeGreaterThan(1)
})

test('logits of the tokens that are asked for are those of all, with padding, a cache and kept scores', () => {
  const read = models.conditioned(model, sources)
  const tokens = tensor([[1, 5, 7, 2, 8], [0, 1, 3, 3, 4], [0, 0, 1, 6, 9]], { dtype: 'int32' }) // biome-ignore format: a line
  const padding = tensor([0, 1, 2], { dtype: 'int32' })
  const rows = (call: models.DecoderCall) =>
    noGrad(() => read.forward(tokens, call)).toArray() as number[][][]
  const all = rows({ padding })
  const near = (some: number[][][], places: number[]) => {
    some.forEach((each, n) => {
      expect(each.length).toBe(places.length)
      each.forEach((z, i) => {
        z.forEach((v, j) => {
          expect(v).toBeCloseTo(all[n]![places[i]!]![j]!, 4)
        })
      })
    })
  }
  near(rows({ padding, logitsToKeep: 1 }), [4])
  near(rows({ padding, logitsToKeep: 3 }), [2, 3, 4])
  near(rows({ padding, logitsToKeep: tensor([4, 2], { dtype: 'int32' }) }), [4, 2])
  near(rows({ padding, cache: read.makeCache(3, 16), logitsToKeep: 2 }), [3, 4])
  const last = model.decoder.layers.at(-1)!.self_attention_block
  last.keepScores = true
  near(rows({ padding, logitsToKeep: 1 }), [4])
  expect(last.attentionScores!.shape).toEqual([3, 4, 5, 5])
  last.keepScores = false
})

test('a tensor with a mask is the same as lists', () => {
  const rows = sources.map((s) => [...s, ...new Array<number>(11 - s.length).fill(0)])
  const there = tensor(
    sources.flatMap((s) => rows[0]!.map((_, j) => (j < s.length ? 1 : 0))),
    {
      shape: [3, 1, 1, 11],
    },
  )
  const o = { maxNewTokens: 6, temperature: 1, seed: 3 }
  const given = models.conditioned(model, tensor(rows, { dtype: 'int32' }), there)
  expect(models.generate(given, starts, o)).toEqual(
    models.generate(models.conditioned(model, sources), starts, o),
  )
})

test('prompts of many lengths, up to the last place there is', () => {
  const prompts = [[1], [1, 5, 7], [1, 2]]
  const all = models.generate(models.conditioned(model, sources), prompts)
  all.forEach((text, i) => {
    expect(text.length).toBe(LONGEST - 3)
    const whole = [...prompts[i]!]
    for (const t of text) {
      expect(t).toBe(best(next(model, sources[i]!, whole)))
      whole.push(t)
    }
  })
})

describe('beams', () => {
  test('with as many as there are sequences, the most probable', () => {
    const o = { maxNewTokens: 2, beams: V }
    const got = models.generate(models.conditioned(model, sources), starts, o)
    sources.forEach((s, i) => {
      let [found, most] = [[] as number[], Number.NEGATIVE_INFINITY]
      const first = next(model, s, [START])
      for (let a = 0; a < V; a++)
        next(model, s, [START, a]).forEach((p, b) => {
          if (first[a]! + p > most) [found, most] = [[a, b], first[a]! + p]
        })
      expect(got[i]).toEqual(found)
    })
  })
  test('caches follow their beams: not worse than greedy, and the same alone', () => {
    const o = { maxNewTokens: 8, beams: 4 }
    const got = models.generate(models.conditioned(model, sources), starts, o)
    sources.forEach((s, i) => {
      expect(models.generate(models.conditioned(model, s), [START], o)).toEqual(got[i])
      expect(score(model, s, got[i]!)).toBeGreaterThanOrEqual(
        score(model, s, greedy(model, s, 8)) - 1e-4,
      )
    })
  })
  test('the penalty decides between short and long', () => {
    const given = models.conditioned(model, sources[0]!)
    const stopTokens = models.generate(given, [START], { maxNewTokens: 4 }).at(-1)!
    const o = { maxNewTokens: 12, beams: 4, stopTokens }
    const [short, long] = [-5, 5].map((lengthPenalty) =>
      models.generate(given, [START], { ...o, lengthPenalty }),
    )
    expect(short!.length).toBeLessThan(long!.length)
  })
})

test('as a stream, with a draft, and the mode of the model stays', async () => {
  const want = greedy(model, sources[0]!, 9)
  model.train()
  const given = models.conditioned(model, sources[0]!)
  expect(model.training).toBe(true)
  const got: number[] = []
  for await (const t of models.stream(given, [START], { maxNewTokens: 9 })) got.push(t)
  expect(got).toEqual(want)
  expect(model.training).toBe(true)
  model.eval()
  const draft = models.conditioned(made(8), sources)
  const o = { maxNewTokens: 9, draft, draftTokens: 3 }
  expect(models.generate(models.conditioned(model, sources), starts, o)[0]).toEqual(want)
  expect(model.training).toBe(false)
})

test('what cannot be is refused', () => {
  const given = models.conditioned(model, sources)
  const refused: [() => unknown, RegExp][] = [
    [() => models.conditioned(model, []), /at least one token/],
    [() => models.conditioned(model, [[1], []]), /at least one token/],
    [() => models.conditioned(model, new Array(13).fill(1)), /12 positions/],
    [() => models.conditioned(model, [[1], [2, 3]], ones([2, 1, 1, 2])), /one length/],
    [() => models.generate(given, [START]), /a sequence for each of the 3 sources/],
    [() => models.generate(models.conditioned(model, [1]), [V]), /from 0 to 18/],
  ]
  for (const [f, message] of refused) expect(f).toThrow(message)
})
