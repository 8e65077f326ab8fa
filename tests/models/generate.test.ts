/** Text from models: with cache and without, one by one and together, by chance, beams, drafts, as a stream. */
import { manualSeed, noGrad, type Tensor, tensor } from 'nabla'
import * as models from 'nabla/models'
import { describe, expect, test } from 'vitest'
import { chance, distribution, pick } from '../../src/models/sampling.js'

const gpt = (seed = 1, layers = 2) => {
  manualSeed(seed)
  const model = new models.GPT2({
    vocabSize: 23,
    nPositions: 64,
    nEmbd: 16,
    nLayer: layers,
    nHead: 4,
  })
  // Weights large enough that distributions are not flat.
  for (const p of model.parameters()) if (p.rank > 1) noGrad(() => p.assign(p.mul(12)))
  return model.eval() as models.GPT2
}
const llama = () => {
  manualSeed(2)
  const model = new models.Llama({ vocabSize: 23, hiddenSize: 16, intermediateSize: 24, numHiddenLayers: 2, numAttentionHeads: 4, numKeyValueHeads: 2, maxPositionEmbeddings: 64 }) // biome-ignore format: a line
  for (const p of model.parameters()) if (p.rank > 1) noGrad(() => p.assign(p.mul(12)))
  return model.eval() as models.Llama
}
const prompts = [
  [1, 2, 3, 4, 5],
  [7],
  [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 11, 12, 13, 14, 15, 16, 17, 18, 19],
]

describe.each<[string, () => models.CausalModel]>([
  ['GPT-2', gpt],
  ['Llama', llama],
])('%s', (_, make) => {
  const model = make()
  test('with a cache as without, token by token; prompts of many lengths as one by one', () => {
    const together = models.generate(model, prompts, { maxNewTokens: 20 })
    prompts.forEach((p, i) => {
      expect(models.generate(model, p, { maxNewTokens: 20, cache: false })).toEqual(together[i])
      expect(models.generate(model, p, { maxNewTokens: 20 })).toEqual(together[i])
    })
    expect(new Set(together[0]).size).toBeGreaterThan(2)
  })
  test('logits of the tokens that are asked for are those of all', () => {
    const tokens = tensor([prompts[0]!, [5, 4, 3, 2, 1]], { dtype: 'int32' })
    const rows = (t: Tensor) => t.contiguous().toArray() as number[][][]
    const all = rows(model.forward(tokens))
    const near = (t: Tensor, places: number[]) => {
      expect(t.shape).toEqual([2, places.length, 23])
      rows(t).forEach((each, n) => {
        each.forEach((z, i) => {
          z.forEach((v, j) => {
            expect(v).toBeCloseTo(all[n]![places[i]!]![j]!, 3)
          })
        })
      })
    }
    near(model.forward(tokens, { logitsToKeep: 2 }), [3, 4])
    near(model.forward(tokens, { logitsToKeep: 5 }), [0, 1, 2, 3, 4])
    near(model.forward(tokens, { logitsToKeep: null }), [0, 1, 2, 3, 4])
    const places = tensor([4, 0, 2], { dtype: 'int32' })
    near(model.forward(tokens, { logitsToKeep: places }), [4, 0, 2])
    const cache = model.makeCache(2, 16)
    near(model.forward(tokens, { cache, logitsToKeep: 1 }), [4])
    near(model.forward(tokens, { cache: model.makeCache(2, 16), logitsToKeep: places }), [4, 0, 2])
    for (const wrong of [0, 6, 1.5, -1])
      expect(() => model.forward(tokens, { logitsToKeep: wrong })).toThrow(
        'logitsToKeep must be a whole number from 1 to 5',
      )
  })
  test('so are they behind padding, and behind tokens in the cache', () => {
    const padding = tensor([0, 2], { dtype: 'int32' })
    const tokens = tensor([prompts[0]!, [0, 0, 3, 2, 1]], { dtype: 'int32' })
    const numbers = (t: Tensor) => t.contiguous().toArray() as number[][][]
    const near = (t: Tensor, wanted: number[][][]) => {
      expect(t.shape).toEqual([wanted.length, wanted[0]!.length, 23])
      wanted.forEach((rows, n) => {
        rows.forEach((row, i) => {
          row.forEach((v, j) => {
            expect(numbers(t)[n]![i]![j]).toBeCloseTo(v, 3)
          })
        })
      })
    }
    const all = numbers(model.forward(tokens, { padding }))
    const last = all.map((rows) => rows.slice(3))
    near(model.forward(tokens, { padding, logitsToKeep: 2 }), last)
    const cache = model.makeCache(2, 16)
    near(model.forward(tokens, { padding, cache, logitsToKeep: 2 }), last)
    const [more, start] = [
      tensor([[6, 7, 8], [6, 7, 8]], { dtype: 'int32' }), // biome-ignore format: a line
      tensor([5], { dtype: 'int32' }),
    ]
    const next = numbers(model.forward(more, { padding, cache, start }))
    near(
      model.forward(more, { padding, cache, start, logitsToKeep: 1 }),
      next.map((rows) => rows.slice(2)),
    )
  })
  test('by chance too, and a seed repeats it', () => {
    const o = { maxNewTokens: 16, temperature: 1, topK: 9, topP: 0.95, minP: 0.01, seed: 5 }
    const a = models.generate(model, prompts[0]!, o)
    expect(models.generate(model, prompts[0]!, { ...o, cache: false })).toEqual(a)
    expect(models.generate(model, prompts[0]!, o)).toEqual(a)
    expect(models.generate(model, prompts[0]!, { ...o, seed: 6 })).not.toEqual(a)
  })
  test('a draft changes nothing when the most probable token is taken', () => {
    const draft = gpt(9, 1)
    for (const p of prompts)
      expect(models.generate(model, p, { maxNewTokens: 18, draft, draftTokens: 3 })).toEqual(
        models.generate(model, p, { maxNewTokens: 18 }),
      )
    // A draft that is always right.
    expect(models.generate(model, prompts[0]!, { maxNewTokens: 18, draft: model })).toEqual(
      models.generate(model, prompts[0]!, { maxNewTokens: 18 }),
    )
  })
})

test('a draft leaves the distribution of the large model as it is', () => {
  const [model, draft] = [gpt(1, 1), gpt(9, 1)]
  const counts = [new Float64Array(23), new Float64Array(23)]
  const N = 250
  for (let seed = 0; seed < N; seed++) {
    const o = { maxNewTokens: 2, temperature: 2, topK: 4, seed }
    counts[0]![models.generate(model, [1, 2], o)[1]!]!++
    counts[1]![models.generate(model, [1, 2], { ...o, draft, draftTokens: 2 })[1]!]!++
  }
  const far = counts[0]!.reduce((s, x, i) => s + Math.abs(x - counts[1]![i]!), 0) / (2 * N)
  expect(far).toBeLessThan(0.15)
})

test('a cache is written in place without compile too, and gives the same', () => {
  for (const model of [gpt(), llama()]) {
    const text = [3, 1, 4, 1, 5, 9]
    const ids = (list: number[]) => tensor(Int32Array.from(list), { shape: [1, list.length] })
    const last = (t: Tensor) => [...(t.select(0, 0).select(0, -1).toTypedArray() as Float32Array)]
    const cache = model.makeCache(1, 8)
    const memory = cache.tensors().map((t) => t.storage)
    let got: number[] = []
    noGrad(() => model.forward(ids(text.slice(0, 3)), { cache }))
    for (let i = 3; i < text.length; i++)
      got = last(noGrad(() => model.forward(ids([text[i]!]), { cache, start: tensor(Int32Array.of(i)) }))) // biome-ignore format: a line
    last(noGrad(() => model.forward(ids(text)))).forEach((v, i) => {
      expect(got[i]).toBeCloseTo(v, 4)
    })
    expect(cache.tensors().every((t, i) => t.storage === memory[i])).toBe(true)
  }
})

test('without a cache up to the last place there is', () => {
  const model = gpt()
  const prompt = Array.from({ length: 30 }, (_, i) => i % 23)
  const text = models.generate(model, prompt, { cache: false })
  expect(text).toHaveLength(34)
  expect(text).toEqual(models.generate(model, prompt))
})
test('stop tokens end a sequence, as its last', () => {
  const model = gpt()
  const free = models.generate(model, [1, 2, 3], { maxNewTokens: 20 })
  const stop = free[4]!
  const first = free.indexOf(stop)
  expect(models.generate(model, [1, 2, 3], { maxNewTokens: 20, stopTokens: stop })).toEqual(
    free.slice(0, first + 1),
  )
  const [a, b] = models.generate(model, [[1, 2, 3], [4]], { maxNewTokens: 20, stopTokens: [stop] })
  expect(a).toEqual(free.slice(0, first + 1))
  expect(b!.length).toBeGreaterThan(0)
})

test('a stream gives the same, and may be left', async () => {
  const model = gpt()
  const want = models.generate(model, [1, 2, 3], { maxNewTokens: 8 })
  const got: number[] = []
  for await (const t of models.stream(model, [1, 2, 3], { maxNewTokens: 8 })) got.push(t)
  expect(got).toEqual(want)
  model.train()
  for await (const t of models.stream(model, [1, 2, 3])) if (t >= 0) break
  expect(model.training).toBe(true)
})

describe('beams', () => {
  const model = gpt(3, 1)
  /** The log probability of a continuation. */
  const score = (prompt: number[], text: number[]) => {
    const all = [...prompt, ...text]
    const z = noGrad(() => model.forward(tensor(Int32Array.from(all), { shape: [1, all.length] })))
      .logSoftmax(-1)
      .toArray() as number[][][]
    return text.reduce((s, t, i) => s + z[0]![prompt.length + i - 1]![t]!, 0)
  }
  test('as many as there are sequences find the most probable one', () => {
    const prompt = [1, 2]
    let [best, most] = [[] as number[], Number.NEGATIVE_INFINITY]
    for (let a = 0; a < 23; a++)
      for (let b = 0; b < 23; b++) {
        const s = score(prompt, [a, b])
        if (s > most) [best, most] = [[a, b], s]
      }
    expect(models.generate(model, prompt, { maxNewTokens: 2, beams: 23 })).toEqual(best)
  })
  test('one is greedy, more are not worse', () => {
    const greedy = models.generate(model, [5, 6], { maxNewTokens: 6 })
    const beams = models.generate(model, [5, 6], { maxNewTokens: 6, beams: 4 })
    expect(score([5, 6], beams)).toBeGreaterThanOrEqual(score([5, 6], greedy) - 1e-5)
  })
  test('the penalty decides between short and long', () => {
    const stopTokens = models.generate(model, [5, 6], { maxNewTokens: 3 })[1]!
    const o = { maxNewTokens: 12, beams: 4, stopTokens }
    const lengths = [-5, 5].map(
      (lengthPenalty) => models.generate(model, [5, 6], { ...o, lengthPenalty }).length,
    )
    expect(lengths[0]!).toBeLessThanOrEqual(lengths[1]!)
  })
})

describe('distributions', () => {
  const z = [Math.log(0.5), Math.log(0.25), Math.log(0.15), Math.log(0.1)]
  const of = (o: models.SamplingOptions, before: number[] = []) =>
    [...distribution(z, before, { temperature: 1, ...o })].map((p) => Math.round(p * 1e6) / 1e6)
  test.each<[models.SamplingOptions, number[]]>([
    [{}, [0.5, 0.25, 0.15, 0.1]],
    [{ temperature: 0 }, [1, 0, 0, 0]],
    [{ topK: 2 }, [0.666667, 0.333333, 0, 0]],
    [{ topP: 0.5 }, [1, 0, 0, 0]],
    [{ topP: 0.7 }, [0.666667, 0.333333, 0, 0]],
    [{ minP: 0.3 }, [0.555556, 0.277778, 0.166667, 0]],
    [{ temperature: 0.5 }, [0.724638, 0.181159, 0.065217, 0.028986]],
  ])('%j', (o, want) => {
    expect(of(o)).toEqual(want)
  })
  test('what came before is less probable with a penalty above 1', () => {
    const p = of({ repetitionPenalty: 2 }, [0])
    // 0.5 squared, for log 0.5 is negative and doubled.
    const sum = 0.25 + 0.25 + 0.15 + 0.1
    expect(p[0]).toBeCloseTo(0.25 / sum, 5)
  })
  test('draws follow the distribution', () => {
    const p = distribution(z, [], { temperature: 1 })
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 4000; i++) counts[pick(p, chance(3, 0, i))]!++
    counts.forEach((n, i) => {
      expect(Math.abs(n / 4000 - p[i]!)).toBeLessThan(0.03)
    })
  })
})

test('perplexity is the exponential of the mean surprise', () => {
  const model = gpt()
  const z = noGrad(() => model.forward(tensor([[1, 2, 3]], { dtype: 'int32' })))
    .logSoftmax(-1)
    .toArray() as number[][][]
  const mean = -(z[0]![0]![2]! + z[0]![1]![3]!) / 2
  expect(models.perplexity(model, [1, 2, 3])).toBeCloseTo(Math.exp(mean), 3)
})

test('what cannot be is refused', () => {
  const model = gpt()
  const refused: [() => unknown, RegExp][] = [
    [() => models.generate(model, []), /at least one token/],
    [() => models.generate(model, [23]), /from 0 to 22/],
    [() => models.generate(model, [1.5]), /whole numbers/],
    [() => models.generate(model, new Array(65).fill(1)), /at most 64 tokens/],
    [() => models.generate(model, [1], { temperature: -1 }), /temperature/],
    [() => models.generate(model, [1], { topK: 0 }), /topK/],
    [() => models.generate(model, [1], { beams: 0 }), /beams/],
    [() => models.generate(model, [1], { top_k: 3 } as never), /topK/],
    [() => model.forward(tensor([1], { dtype: 'int32' })), /\(N, L\)/],
  ]
  for (const [f, message] of refused) expect(f).toThrow(message)
  expect(models.generate(model, [1, 2], { maxNewTokens: 0 })).toEqual([])
  expect(models.generate(model, new Array(60).fill(1)).length).toBe(4)
})
