/** Models that copy, and recurrent ones: what they compute is what plain numbers give, and generation is what training says. */
import { manualSeed, noGrad, type Tensor, tensor } from 'nabla'
import * as models from 'nabla/models'
import { Adam } from 'nabla/optim'
import { encodeOpen, trainWordLevel } from 'nabla/text'
import { describe, expect, test } from 'vitest'

const V = 13
const START = 1
const int = (rows: number[][]) => tensor(rows, { dtype: 'int32' })
const large = <M extends models.PointerGenerator | models.Seq2Seq>(model: M): M => {
  // Weights large enough that distributions are not flat.
  for (const p of new Set(model.parameters())) if (p.rank > 1) noGrad(() => p.assign(p.mul(2)))
  return model.eval() as M
}
function pointer(seed = 3) {
  manualSeed(seed)
  const sizes = { dModel: 8, N: 2, h: 2, dFf: 12, unknown: 2 }
  return large(new models.PointerGenerator(V, 9, 12, sizes))
}
function recurrent(attention: boolean, numLayers = 2) {
  manualSeed(5)
  return large(new models.Seq2Seq(V, V, { hiddenSize: 6, numLayers, attention, maxLength: 24 }))
}
/** Of lists of different lengths, with zeros at the right. */
function padded(lists: number[][]): [Tensor, Tensor] {
  const S = Math.max(...lists.map((l) => l.length))
  const row = (f: (i: number) => number) => Array.from({ length: S }, (_, i) => f(i))
  const ids = lists.map((l) => row((i) => l[i] ?? 0))
  const mask = lists.map((l) => row((i) => (i < l.length ? 1 : 0)))
  return [int(ids), tensor(mask).reshape([lists.length, 1, 1, S])]
}

describe('a pointer-generator', () => {
  // 13 and 14 are words that the vocabulary lacks; 13 comes twice.
  const sources = [
    [4, 13, 5, 13, 14],
    [7, 13],
  ]
  const targets = [
    [START, 13, 4],
    [START, 7, 13],
  ]
  test('mixes the vocabulary and the weights of copying, number by number', () => {
    const model = pointer()
    const [src, mask] = padded(sources)
    const got = noGrad(() => model.forward(src, int(targets), mask, 2)).toArray() as number[][][]
    const known = (rows: number[][]) => int(rows.map((r) => r.map((t) => (t < V ? t : 2))))
    sources.forEach((source, n) => {
      // Source by source, without padding: the encoder and decoder are EncoderDecoder's own.
      const tgt = known([targets[n]!])
      const [m, h, x, logits] = noGrad(() => {
        const read = model.net.encode(known([source]))
        const states = model.net.decode(read, null, tgt, models.causalMask(3))
        return [read, states, model.net.tgt_embed.forward(tgt), model.net.project(states)]
      }).map((t) => (t!.toArray() as number[][][])[0]!) as [
        number[][],
        number[][],
        number[][],
        number[][],
      ]
      const [wq, wk, w] = [model.w_q.weight, model.w_k.weight, model.gate.weight].map((t) => t.toArray() as number[][]) as [number[][], number[][], number[][]] // biome-ignore format: a line
      const bias = model.gate.bias!.toArray() as number[]
      const dot = (a: number[], b: number[]) => a.reduce((s, v, i) => s + v * b[i]!, 0)
      const times = (a: number[][], v: number[]) => a.map((row) => dot(row, v))
      const shares = (z: number[]) => {
        const e = z.map((v) => Math.exp(v - Math.max(...z)))
        const all = e.reduce((s, v) => s + v, 0)
        return e.map((v) => v / all)
      }
      h.forEach((state, t) => {
        const a = shares(m.map((row) => dot(times(wq, state), times(wk, row)) / Math.sqrt(8)))
        const context = state.map((_, j) =>
          dot(
            a,
            m.map((row) => row[j]!),
          ),
        )
        const p = 1 / (1 + Math.exp(-dot(w[0]!, [...context, ...state, ...x[t]!]) - bias[0]!))
        const want = [...shares(logits[t]!).map((v) => p * v), 0, 0]
        source.forEach((id, i) => {
          want[id]! += (1 - p) * a[i]!
        })
        want.forEach((v, id) => {
          expect(Math.exp(got[n]![t]![id]!)).toBeCloseTo(v, 5)
        })
      })
    })
  })

  test('its score is the log probability of the labels, and its gradient that of the whole row', () => {
    const model = pointer()
    const [src, mask] = padded(sources)
    const labels = int([
      [13, 4, 9],
      [7, 13, -100],
    ])
    const score = () => model.score(src, int(targets), labels, mask)
    const whole = () => {
      const rows = model.forward(src, int(targets), mask, 2)
      const at = labels.maximum(0).unsqueeze(2)
      return rows.gather(2, at).squeeze(2).mul(labels.ge(0).to('float32'))
    }
    const grads = [score, whole].map((f) => {
      model.zeroGrad()
      const y = f()
      y.sum().backward()
      return [y, ...model.parameters().map((p) => p.grad!)].map(
        (t) => (t.toArray() as number[][]).flat(3) as number[],
      )
    })
    grads[0]!.forEach((list, k) => {
      list.forEach((v, i) => {
        expect(v).toBeCloseTo(grads[1]![k]![i]!, 4)
      })
    })
    expect(grads[0]![0]![5]).toBe(0)
  })

  test('writes as its forward pass says: by cache, together, by beams', () => {
    const model = pointer()
    const greedy = (source: number[]) => {
      const text = [START]
      for (let i = 0; i < 5; i++) {
        const y = noGrad(() => model.forward(int([source]), int([text]), null, 2))
        const p = (y.toArray() as number[][][])[0]!.at(-1)!
        // The unknown token is never written.
        p[2] = Number.NEGATIVE_INFINITY
        text.push(p.indexOf(Math.max(...p)))
      }
      return text.slice(1)
    }
    const want = sources.map(greedy)
    const o = { maxNewTokens: 5 }
    const starts = [[START], [START]]
    const both = models.conditioned(model, sources)
    expect(models.generate(both, starts, o)).toEqual(want)
    expect(models.generate(both, starts, { ...o, cache: false })).toEqual(want)
    sources.forEach((s, n) => {
      expect(models.generate(models.conditioned(model, s), [START], o)).toEqual(want[n])
    })
    const beams = models.generate(both, starts, { ...o, beams: 3 })
    sources.forEach((s, n) => {
      const alone = models.generate(models.conditioned(model, s), [START], { ...o, beams: 3 })
      expect(alone).toEqual(beams[n])
    })
  })

  test('learns to copy words that it has never seen, which the vocabulary alone cannot', () => {
    manualSeed(1)
    const model = new models.PointerGenerator(6, 8, 4, {
      dModel: 16,
      N: 1,
      h: 2,
      dFf: 32,
      dropout: 0,
    })
    const optimizer = new Adam(model.parameters(), { lr: 0.01 })
    // The word after token 3 is the title; all words but one lie outside the vocabulary.
    const page = (i: number) => {
      const at = i % 4
      return Array.from({ length: 5 }, (_, k) => (k === at ? 3 : k === at + 1 ? 6 + (i % 3) : 4))
    }
    const src = int(Array.from({ length: 12 }, (_, i) => page(i)))
    const labels = int(Array.from({ length: 12 }, (_, i) => [6 + (i % 3), 2]))
    const tgt = int(Array.from({ length: 12 }, (_, i) => [1, 6 + (i % 3)]))
    for (let step = 0; step < 60; step++) {
      optimizer.zeroGrad()
      model.score(src, tgt, labels).mean().neg().backward()
      optimizer.step()
    }
    // 9 stood in no source.
    const reader = models.conditioned(model, [4, 4, 3, 9, 4])
    expect(models.generate(reader, [1], { stopTokens: 2 })).toEqual([9, 2])
  })

  test('never writes the unknown token, however probable', () => {
    const model = pointer()
    const bias = model.net.projection_layer.proj.bias!
    noGrad(() => bias.assign(tensor(Array.from({ length: V }, (_, i) => (i === 2 ? 50 : 0)))))
    const reader = models.conditioned(model, sources[0]!)
    for (const o of [{}, { beams: 3 }, { temperature: 2, seed: 1 }])
      expect(models.generate(reader, [START], { ...o, maxNewTokens: 8 })).not.toContain(2)
  })

  test('what cannot be is refused', () => {
    expect(() => new models.PointerGenerator(5, 4, 4, { unknown: 5 })).toThrow('from 0 to 4')
    expect(() => models.conditioned(pointer(), [[1], []])).toThrow('at least one token')
    expect(() => models.conditioned(pointer(), new Array(10).fill(1))).toThrow('9 positions')
  })
})

describe.each([true, false])('a recurrent encoder-decoder, attention %s', (attention) => {
  const sources = [[2, 3, 4, 5, 6, 7], [9], [12, 11, 10]]
  test('writes as its forward pass says: by cache, together, by beams, ahead', () => {
    const model = recurrent(attention)
    const greedy = (source: number[]) => {
      const text = [START]
      for (let i = 0; i < 6; i++) {
        const y = noGrad(() => model.forward(int([source]), int([text])))
        const p = (y.toArray() as number[][][])[0]!.at(-1)!
        text.push(p.indexOf(Math.max(...p)))
      }
      return text.slice(1)
    }
    const want = sources.map(greedy)
    const starts = sources.map(() => [START])
    const all = models.conditioned(model, sources)
    const o = { maxNewTokens: 6 }
    expect(models.generate(all, starts, o)).toEqual(want)
    expect(models.generate(all, starts, { ...o, cache: false })).toEqual(want)
    // Prompts of several lengths: the rest of what it writes by itself.
    const begun = want.map((text, n) => [START, ...text.slice(0, n + 1)])
    const rest = want.map((text, n) => text.slice(n + 1, n + 4))
    expect(models.generate(all, begun, { maxNewTokens: 3 })).toEqual(rest)
    const draft = models.conditioned(recurrent(attention, 1), sources)
    expect(models.generate(all, starts, { ...o, draft, draftTokens: 2 })).toEqual(want)
    const beams = models.generate(all, starts, { ...o, beams: 3 })
    sources.forEach((s, n) => {
      const alone = models.conditioned(model, s)
      expect(models.generate(alone, [START], { ...o, beams: 3 })).toEqual(beams[n])
    })
  })
  test('padding changes nothing', () => {
    const model = recurrent(attention)
    const [src, mask] = padded(sources)
    const tgt = sources.map(() => [START, 4, 8])
    const all = noGrad(() => model.forward(src, int(tgt), mask)).toArray() as number[][][]
    sources.forEach((s, n) => {
      const alone = noGrad(() => model.forward(int([s]), int([tgt[n]!]))).toArray() as number[][][]
      alone[0]!.flat().forEach((v, i) => {
        expect(all[n]!.flat()[i]).toBeCloseTo(v, 5)
      })
    })
  })
  test('its attention sums to 1 and looks at words alone', () => {
    if (!attention) return
    const model = recurrent(true)
    model.keepScores = true
    const [src, mask] = padded(sources)
    noGrad(() => model.forward(src, int(sources.map(() => [START, 2])), mask))
    const weights = model.attentionScores!.toArray() as number[][][]
    expect(weights[1]![0]!.slice(1)).toEqual([0, 0, 0, 0, 0])
    for (const row of weights.flat()) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
  })
})

test('words outside of a vocabulary get ids of their own, and come back', () => {
  const t = trainWordLevel(['a library for a and for'], { minFrequency: 1 })
  const size = t.getVocabSize()
  const text = 'a library for zlib and zstd zlib'
  const { ids, words } = encodeOpen(t, text)
  expect(words).toEqual(['zlib', 'zstd'])
  expect([...ids].filter((id) => id >= size)).toEqual([size, size + 1, size])
  expect(t.decode(ids, { words })).toBe(text)
  const title = encodeOpen(t, 'zstd for brotli', { words })
  expect(title.words).toEqual(words)
  expect([...title.ids]).toEqual([size + 1, t.tokenToId('for'), t.tokenToId('[UNK]')])
  expect(() => encodeOpen(t, text, { unknown: '<unk>' })).toThrow('no <unk>')
})
