/** Weights of few bits: products against dequantized ones, what is lost, models that are quantized, saved and loaded. */
import {
  type BackendName,
  compile,
  crossEntropy,
  gradients,
  manualSeed,
  normal,
  setBackend,
  type Tensor,
  tensor,
} from 'nabla'
import { parseSafetensors, serializeSafetensors } from 'nabla/io'
import * as models from 'nabla/models'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const numbers = (t: Tensor) => t.contiguous().toTypedArray() as Float32Array
const ways = [
  { bits: 8 },
  { bits: 8, groupSize: 32, symmetric: false },
  { bits: 4 },
  { bits: 4, groupSize: 24, symmetric: false },
  { bits: 16 },
] as const
const shown = (o: object) => JSON.stringify(o)

describe.each<BackendName>(['native', 'wasm', 'reference'])('%s', (name) => {
  beforeAll(() => setBackend(name))
  afterAll(() => setBackend('native'))

  test.each(ways.map((o) => [shown(o), o] as const))(
    'a product is that of the dequantized weight, but for the rounding of x: %s',
    (_, options) => {
      manualSeed(3)
      for (const [m, n, k] of [
        [1, 70, 200],
        [5, 33, 65],
        [67, 3, 9],
        [2, 1, 1],
      ] as const) {
        const layer = nn.QuantizedLinear.from(new nn.Linear(k, n), options)
        const x = normal([m, k])
        const w = layer.dequantize()
        const exact = numbers(x.matmul(w.transpose(0, 1)).add(layer.bias!))
        const size = numbers(x.abs().matmul(w.abs().transpose(0, 1)))
        const top = numbers(x).reduce((a, v) => Math.max(a, Math.abs(v)), 0)
        const weights = numbers(w.abs().sum(1))
        const y = numbers(layer.forward(x))
        for (let i = 0; i < y.length; i++) {
          // Half a step of the largest magnitude's, which is below 2⁻¹⁴ of it; bfloat16 rounds nothing.
          const rounding = options.bits === 16 ? 0 : top * 2 ** -15 * weights[i % n]!
          expect(Math.abs(y[i]! - exact[i]!)).toBeLessThanOrEqual(rounding + 3e-6 * size[i]! + 1e-6)
        }
      }
    },
  )
  test.each(ways.map((o) => [shown(o), o] as const))(
    'rows that are looked up are those of the dequantized weight: %s',
    (_, options) => {
      manualSeed(4)
      for (const [count, width] of [
        [70, 65],
        [3, 9],
        [1, 1],
        [64, 48],
      ] as const) {
        const map = nn.QuantizedLinear.from(new nn.Linear(width, count, { bias: false }), options)
        const table = new nn.QuantizedEmbedding(map)
        const ids = [0, count - 1, count >> 1, 0, (count * 2) % 3, count - 1].map((i) => i % count)
        const y = table.forward(tensor([ids.slice(0, 3), ids.slice(3)], { dtype: 'int32' }))
        expect(y.shape).toEqual([2, 3, width])
        const w = numbers(map.dequantize())
        const got = numbers(y)
        ids.forEach((id, i) => {
          expect([...got.subarray(i * width, (i + 1) * width)]).toEqual([
            ...w.subarray(id * width, (id + 1) * width),
          ])
        })
        for (const wrong of [count, -count - 1])
          expect(() => numbers(table.forward(tensor([wrong], { dtype: 'int32' })))).toThrow()
      }
    },
  )
  test('what is not finite comes through, and stays in its row', () => {
    const layer = nn.QuantizedLinear.from(new nn.Linear(16, 4))
    const x = normal([3, 16])
    const data = numbers(x).slice()
    data[20] = Number.POSITIVE_INFINITY
    data[40] = Number.NaN
    const y = numbers(layer.forward(tensor(data, { shape: [3, 16] })))
    expect(y.slice(0, 4).every(Number.isFinite)).toBe(true)
    expect(y.slice(4).every((v) => !Number.isFinite(v))).toBe(true)
  })
})

test.each(ways.map((o) => [shown(o), o] as const))(
  'a code is the nearest there is: %s',
  (_, options) => {
    manualSeed(4)
    const weight = normal([37, 130], 0.01, 0.1)
    const { parts, form } = nn.quantizeWeight(weight, options)
    const layer = nn.QuantizedLinear.from({ weight }, options)
    expect(layer.codes.shape).toEqual(parts.codes.shape)
    const [w, q] = [numbers(weight), numbers(layer.dequantize())]
    const group = form.bits === 16 ? 130 : form.groupSize
    for (let n = 0; n < 37; n++)
      for (let k = 0; k < 130; k++) {
        const from = Math.floor(k / group) * group
        const all = w.subarray(n * 130 + from, n * 130 + Math.min(130, from + group))
        const [lo, hi] = [Math.min(0, ...all), Math.max(0, ...all)]
        const far = Math.max(-lo, hi)
        // 15 steps, of which a number of the other sign may be cut by one.
        const step = form.bits === 16 ? 2 ** -8 * Math.abs(w[n * 130 + k]!) : parts.zeros ? (hi - lo) / (2 ** form.bits - 1) : form.bits === 4 ? 2 * far / 7 : far / 127 // biome-ignore format: a line
        const error = Math.abs(w[n * 130 + k]! - q[n * 130 + k]!)
        expect(error).toBeLessThanOrEqual(
          step * (form.bits === 16 ? 1 : parts.zeros ? 1 : 0.5) + 1e-7,
        )
      }
  },
)

test('fewer bits lose more, smaller groups less', () => {
  manualSeed(5)
  const weight = normal([64, 256])
  const lost = (options: nn.QuantizeOptions) =>
    nn.QuantizedLinear.from({ weight }, options).dequantize().sub(weight).square().mean().item()
  expect(lost({ bits: 8 })).toBeLessThan(1e-3 * lost({ bits: 4 }) * 10)
  expect(lost({ bits: 4, groupSize: 32 })).toBeLessThan(0.9 * lost({ bits: 4, groupSize: 256 }))
  // Weights that lean to one side: a zero point saves half of the codes.
  const positive = { weight: weight.abs() }
  const of = (symmetric: boolean) =>
    nn.QuantizedLinear.from(positive, { bits: 4, symmetric })
      .dequantize()
      .sub(positive.weight)
      .square()
      .mean()
      .item()
  expect(of(false)).toBeLessThan(0.4 * of(true))
})

test('compiled it is one step with its bias, and the same', () => {
  manualSeed(6)
  const layer = nn.QuantizedLinear.from(new nn.Linear(64, 48), { bits: 4 })
  const x = normal([3, 64])
  const step = compile((t: Tensor) => layer.forward(t))
  expect(numbers(step(x))).toEqual(numbers(layer.forward(x)))
  expect(step.explain()).toMatch(/quantized 3×64 by 64×48, 4 bits \+ bias/)
})

test('gradients reach the input and the bias', () => {
  manualSeed(7)
  const layer = nn.QuantizedLinear.from(new nn.Linear(40, 5), { bits: 8 })
  const x = normal([2, 40])
  x.requiresGrad = true
  const ct = normal([2, 5])
  const [dx, db] = gradients([layer.forward(x)], [x, layer.bias!], [ct])
  const want = numbers(ct.matmul(layer.dequantize()))
  numbers(dx!).forEach((v, i) => {
    expect(v).toBeCloseTo(want[i]!, 5)
  })
  expect(db!.shape).toEqual([5])
})

describe('quantize', () => {
  test('replaces the layers wherever they are, each once, and leaves what is skipped', () => {
    class Net extends nn.Module {
      first = new nn.Linear(8, 8)
      list = [new nn.Linear(8, 8), { deep: new nn.Linear(8, 8) }] as const
      map = new Map([['a', new nn.Sequential(new nn.Linear(8, 8), new nn.ReLU())]])
      again = this.first
      last = new nn.Linear(8, 2)
      override forward(x: Tensor): Tensor {
        let y = this.list[1].deep.forward(this.list[0].forward(this.again.forward(x)))
        y = this.map.get('a')!.forward(y)
        return this.last.forward(y)
      }
    }
    const net = new Net()
    const step = compile((t: Tensor) => net.forward(t))
    const x = normal([1, 8])
    step(x)
    const before = [...net.namedModules()].map(([path]) => path)
    expect(nn.quantize(net, { skip: (path) => path === 'last' })).toBe(net)
    expect([...net.namedModules()].map(([path]) => path)).toEqual(before)
    const kinds = net.modules().map((m) => m.constructor.name)
    expect(kinds.filter((k) => k === 'QuantizedLinear')).toHaveLength(4)
    expect(kinds.filter((k) => k === 'Linear')).toHaveLength(1)
    expect(net.again).toBe(net.first)
    expect(numbers(step(x))).toEqual(numbers(net.forward(x)))
    expect(net.toString()).toContain('(first): QuantizedLinear(8, 8, bits=8, groupSize=64)')
  })

  const transformer = () =>
    models.buildTransformer(23, 29, 16, 16, { dModel: 32, N: 1, h: 4, dFf: 48 })
  const gpt = () =>
    new models.GPT2({ vocabSize: 29, nPositions: 32, nEmbd: 32, nLayer: 2, nHead: 4 })
  const llama = () => new models.Llama({ vocabSize: 29, hiddenSize: 32, intermediateSize: 48, numHiddenLayers: 2, numAttentionHeads: 4, numKeyValueHeads: 2, maxPositionEmbeddings: 32 }) // biome-ignore format: a line
  const sharpened = <M extends nn.Module>(m: M): M => {
    for (const p of m.parameters()) if (p.rank > 1) p.assign(p.detach().mul(6))
    return m.eval()
  }

  test.each<[string, () => models.CausalModel]>([
    ['GPT-2', gpt],
    ['Llama', llama],
  ])(
    '%s: every product has few bits; it generates with a cache as without; a state loads',
    (_, make) => {
      manualSeed(8)
      const model = nn.quantize(sharpened(make()), { bits: 8, groupSize: 32 })
      const large = model.parameters().filter((p) => p.rank > 1)
      // Embeddings alone are left.
      expect(large.every((p) => p.shape[0] === 29 || p.shape[0] === 32)).toBe(true)
      const prompt = [1, 2, 3]
      const o = { maxNewTokens: 12 }
      const text = models.generate(model, prompt, o)
      expect(models.generate(model, prompt, { ...o, cache: false })).toEqual(text)
      const file = serializeSafetensors(model.stateDict())
      manualSeed(99)
      const other = nn.quantize(make().eval(), { bits: 8, groupSize: 32 })
      expect(models.generate(other, prompt, o)).not.toEqual(text)
      other.loadStateDict(parseSafetensors(file).tensors)
      expect(models.generate(other, prompt, o)).toEqual(text)
      expect(() =>
        nn.quantize(make(), { bits: 4 }).loadStateDict(parseSafetensors(file).tensors),
      ).toThrow('shapes')
    },
  )
  test.each<[string, () => models.CausalModel]>([
    ['GPT-2', gpt],
    ['Llama, tied', () => new models.Llama({ vocabSize: 29, hiddenSize: 32, intermediateSize: 48, numHiddenLayers: 2, numAttentionHeads: 4, maxPositionEmbeddings: 32, tieWordEmbeddings: true })], // biome-ignore format: a line
  ])('%s: embeddings too, kept once where they give the logits', (_, make) => {
    manualSeed(8)
    const how = { groupSize: 32, embeddings: true, skip: (path: string) => path.endsWith('wpe') }
    const model = nn.quantize(sharpened(make()), how)
    const text = models.generate(model, [1, 2, 3], { maxNewTokens: 12 })
    expect(models.generate(model, [1, 2, 3], { maxNewTokens: 12, cache: false })).toEqual(text)
    // No matrix is left but that of the positions, and the codes of the table are there once.
    expect(model.parameters().filter((p) => p.rank > 1 && p.shape[0] === 29)).toEqual([])
    const tables = [...model.namedModules()].map(([, m]) => m).filter((m) => m instanceof nn.QuantizedLinear && m.outFeatures === 29) // biome-ignore format: a line
    expect(new Set(tables).size).toBe(1)
    const other = nn.quantize(make().eval(), how)
    other.loadStateDict(parseSafetensors(serializeSafetensors(model.stateDict())).tensors)
    expect(models.generate(other, [1, 2, 3], { maxNewTokens: 12 })).toEqual(text)
    // Again it finds nothing to do.
    expect(models.generate(nn.quantize(model, how), [1, 2, 3], { maxNewTokens: 12 })).toEqual(text)
  })
  test('the encoder-decoder generates too, and is near what it was', () => {
    manualSeed(9)
    const model = transformer().eval()
    const [src, tgt] = [
      tensor([[1, 2, 3]], { dtype: 'int32' }),
      tensor([[1, 5]], { dtype: 'int32' }),
    ]
    const before = numbers(model.forward(src, tgt))
    nn.quantize(model)
    const after = numbers(model.forward(src, tgt))
    const scale = Math.max(...before.map(Math.abs))
    before.forEach((v, i) => {
      expect(Math.abs(v - after[i]!)).toBeLessThan(0.02 * scale)
    })
    const decoder = models.conditioned(model, [1, 2, 3])
    const text = models.generate(decoder, [1], { maxNewTokens: 8 })
    expect(models.generate(decoder, [1], { maxNewTokens: 8, cache: false })).toEqual(text)
  })
  test('perplexity before and after', () => {
    manualSeed(10)
    const model = new models.GPT2({ vocabSize: 17, nPositions: 64, nEmbd: 32, nLayer: 1, nHead: 4, dropout: 0 }) // biome-ignore format: a line
    // A text whose next token follows from the one before it, most of the time.
    let s = 7
    const draw = () => {
      s = (Math.imul(s, 1664525) + 1013904223) >>> 0
      return s / 2 ** 32
    }
    const text = [1, 2]
    while (text.length < 1500)
      text.push(draw() < 0.15 ? Math.floor(17 * draw()) : (3 * text.at(-1)! + 5) % 17)
    const rows = (from: number) => text.slice(from, from + 65)
    const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 })
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x).reshape([-1, 17]), y.reshape([-1]))
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss
    })
    for (let i = 0; i < 150; i++) {
      const batch = [0, 1, 2, 3].map(() => rows(Math.floor(draw() * 1200)))
      const ints = (list: number[][]) => tensor(list, { dtype: 'int32' })
      step(ints(batch.map((r) => r.slice(0, 64))), ints(batch.map((r) => r.slice(1))))
    }
    const held = text.slice(1400, 1464)
    const before = models.perplexity(model, held)
    expect(before).toBeLessThan(6)
    const state = Object.fromEntries(Object.entries(model.stateDict()).map(([k, t]) => [k, t.clone()])) // biome-ignore format: a line
    const changed = (options: nn.QuantizeOptions) => {
      const m = new models.GPT2({ vocabSize: 17, nPositions: 64, nEmbd: 32, nLayer: 1, nHead: 4, dropout: 0 }) // biome-ignore format: a line
      m.loadStateDict(state)
      return models.perplexity(nn.quantize(m, options), held) / before
    }
    expect(Math.abs(changed({ bits: 16 }) - 1)).toBeLessThan(0.01)
    expect(Math.abs(changed({ bits: 8 }) - 1)).toBeLessThan(0.01)
    expect(changed({ bits: 4, groupSize: 32 })).toBeLessThan(1.25)
    expect(changed({ bits: 4, groupSize: 32 })).not.toBe(1)
  })
})

test('errors say what is wrong', () => {
  const layer = new nn.Linear(8, 8)
  const of = (options: object) => () => nn.QuantizedLinear.from(layer, options)
  expect(of({ bits: 5 })).toThrow('bits must be 4, 8 or 16')
  expect(of({ groupSize: 12 })).toThrow('groupSize must be a multiple of 8 from 8 to 256')
  expect(of({ groupSize: 512 })).toThrow('groupSize must be a multiple of 8')
  expect(of({ bit: 4 })).toThrow('bits')
  expect(() => nn.quantize(layer)).toThrow('QuantizedLinear.from')
  expect(() => nn.quantizeWeight(tensor([[Number.NaN]]))).toThrow('weights must be finite')
  expect(() => nn.quantizeWeight(tensor([1]))).toThrow('weight must be (out, in)')
  const quantized = nn.QuantizedLinear.from(layer)
  expect(() => quantized.forward(normal([2, 9]))).toThrow('the last axis of x must be 8')
  expect(() => nn.quantize(new nn.Sequential(layer), { bits: 3 as 4 })).toThrow('bits must be')
})

describe('lora', () => {
  const net = () => new nn.Sequential(new nn.Linear(8, 6), new nn.ReLU(), new nn.Linear(6, 2))
  test('changes nothing at first, trains its changes alone, and merges into one layer', () => {
    manualSeed(11)
    const model = net()
    const [x, y] = [normal([16, 8]), normal([16, 2])]
    const before = numbers(model.forward(x))
    const weight = (model.at(0) as nn.Linear).weight
    const frozen = numbers(weight).slice()
    nn.lora(model, { rank: 2 })
    expect(numbers(model.forward(x))).toEqual(before)
    const trained = model.parameters().filter((p) => p.requiresGrad)
    expect(trained.map((p) => p.shape)).toEqual([[2, 8], [6, 2], [2, 6], [2, 2]]) // biome-ignore format: a line
    const optimizer = new optim.Adam(trained, { lr: 0.05 })
    const losses: number[] = []
    for (let i = 0; i < 30; i++) {
      const loss = model.forward(x).sub(y).square().mean()
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      losses.push(loss.item())
    }
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!)
    expect(numbers(weight)).toEqual(frozen)
    const after = numbers(model.forward(x)).slice()
    nn.mergeLora(model)
    expect(model.at(0)).toBeInstanceOf(nn.Linear)
    expect(model.parameters().every((p) => p.requiresGrad)).toBe(true)
    numbers(model.forward(x)).forEach((v, i) => {
      expect(v).toBeCloseTo(after[i]!, 5)
    })
  })
  test('over quantized weights, on chosen layers', () => {
    manualSeed(12)
    const model = nn.lora(nn.quantize(net()), { rank: 1, alpha: 4, targets: (p) => p === '2' })
    expect(model.at(0)).toBeInstanceOf(nn.QuantizedLinear)
    const [, , last] = model.layers
    expect(last).toBeInstanceOf(nn.LoRALinear)
    expect((last as nn.LoRALinear).scaling).toBe(4)
    expect(model.parameters().filter((p) => p.requiresGrad)).toHaveLength(2)
    expect(() => nn.lora(net(), { targets: () => false })).toThrow('at least one Linear layer')
    expect(() => new nn.LoRALinear(new nn.Linear(2, 2), { rank: 0 })).toThrow('rank')
  })
})
