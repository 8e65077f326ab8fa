/** Whole models against PyTorch, by the names of their files; what their pieces promise; weights from files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  arange,
  compile,
  concat,
  crossEntropy,
  gradients,
  layerNorm,
  manualSeed,
  noGrad,
  normal,
  randint,
  rmsNorm,
  setBackend,
  type Tensor,
  tensor,
  zeros,
} from 'nabla'
import { saveTensors } from 'nabla/io'
import * as models from 'nabla/models'
import { type Module, TransformerDecoderLayer, TransformerEncoderLayer } from 'nabla/nn'
import * as optim from 'nabla/optim'
import { afterAll, describe, expect, test } from 'vitest'
import { LayerNormalization } from '../../src/models/transformer.js'
import { expectClose, golden, revive } from '../golden/fixture.js'

type Runnable = Module & { forward(...inputs: unknown[]): Tensor }
interface Case {
  kind: string
  args: unknown[]
  state: Record<string, Tensor>
  inputs: Tensor[]
  out: Tensor
  ct: Tensor
  grads: Record<string, Tensor>
}
const small = { hiddenSize: 32, intermediateSize: 48, numHiddenLayers: 1, numAttentionHeads: 2 }
test.each<[string, () => Module]>([
  ['Bert', () => new models.Bert({ ...small, vocabSize: 50, initializerRange: 0.1 })],
  ['ViT', () => new models.ViT({ ...small, imageSize: 8, patchSize: 4, initializerRange: 0.1 })],
  [
    'GPT2',
    () =>
      new models.GPT2({
        vocabSize: 50,
        nPositions: 8,
        nEmbd: 32,
        nLayer: 1,
        nHead: 2,
        initializerRange: 0.1,
      }),
  ],
  ['Llama', () => new models.Llama({ ...small, vocabSize: 50, initializerRange: 0.1 })],
])('%s starts from weights of the deviation that is asked for', (_name, make) => {
  manualSeed(1)
  for (const [name, p] of make().namedParameters()) {
    // Those of layers that end a residual branch of GPT-2 are smaller, by the root of twice the layers.
    const wanted = name.endsWith('c_proj.weight') ? 0.1 / Math.SQRT2 : 0.1
    if (p.rank > 1 && p.size > 500)
      expect(Math.abs(p.std().item() / wanted - 1), name).toBeLessThan(0.15)
  }
})

const made = (kind: string, args: readonly unknown[]): Runnable => {
  const { [kind]: make } = models as unknown as Record<string, new (...a: unknown[]) => Runnable>
  if (kind === 'buildTransformer')
    return (make as unknown as (...a: unknown[]) => Runnable)(...args)
  return new make!(...args)
}
const cases = golden('transformers')

/** Inputs as forward takes them. */
const argumentsOf = ({ kind, inputs }: Case): unknown[] =>
  kind === 'Bert' ? [inputs[0], { tokenTypeIds: inputs[1], attentionMask: inputs[2] }] : inputs

describe.each([false, true])('compiled: %s', (compiled) => {
  test.each(cases.map((c) => [c.name, c] as const))('%s', (_, raw) => {
    const c = revive(raw) as unknown as Case
    const model = made(c.kind, c.args).eval() as Runnable
    model.loadStateDict(c.state)
    const wanted = model.namedParameters().filter(([n]) => n in c.grads)
    const f = () => {
      const y = model.forward(...argumentsOf(c))
      return [y, ...gradients([y], wanted.map(([, p]) => p), [c.ct])] // biome-ignore format: a line
    }
    const [y, ...grads] = compiled ? compile(f)() : f()
    expectClose(y!, c.out, 2e-5)
    expect(wanted.map(([n]) => n).sort()).toEqual(Object.keys(c.grads).sort())
    wanted.forEach(([n], i) => {
      expectClose(grads[i]!, c.grads[n]!, 1e-4, n)
    })
  })
})

describe('the normalization of the course', () => {
  test('the gradient of a row of equal numbers is finite', () => {
    const norm = new LayerNormalization(4)
    const x = tensor([
      [3, 3, 3, 3],
      [1, 2, 3, 4],
    ])
    x.requiresGrad = true
    const y = norm.forward(x)
    expect((y.toArray() as number[][])[0]).toEqual([0, 0, 0, 0])
    const [g] = gradients([y.mul(tensor([1, 2, 3, 4])).sum()], [x])
    expect((g!.toArray() as number[][]).flat().every(Number.isFinite)).toBe(true)
  })
  test('one factor for all, as its first version saves it', () => {
    const model = models.buildTransformer(5, 5, 4, 4, { dModel: 4, N: 1, h: 1, dFf: 4, normPerFeature: false }) // biome-ignore format: a line
    expect(model.stateDict()['encoder.norm.alpha']!.shape).toEqual([1])
    const x = zeros([1, 3], { dtype: 'int32' })
    expect(model.forward(x, x).shape).toEqual([1, 3, 5])
  })
})

test.each(['native', 'wasm', 'reference'] as const)(
  'rows with a large mean keep their digits on %s',
  (b) => {
    setBackend(b)
    try {
      const row = [10001, 10002, 10003, 10004]
      const x = tensor([row])
      const want = [-1.3416, -0.4472, 0.4472, 1.3416]
      ;(layerNorm(x, [4], null, null, 0).toArray() as number[][])[0]!.forEach((v, i) => {
        expect(v).toBeCloseTo(want[i]!, 3)
      })
      const mean = Math.sqrt(row.reduce((s, v) => s + v * v, 0) / 4)
      ;(rmsNorm(x, [4], null, 0).toArray() as number[][])[0]!.forEach((v, i) => {
        expect(Math.abs(v - row[i]! / mean)).toBeLessThan(2e-7)
      })
      ;(new LayerNormalization(4).forward(x).toArray() as number[][])[0]!.forEach((v, i) => {
        expect(v).toBeCloseTo(want[i]! * Math.sqrt(3 / 4), 3)
      })
    } finally {
      setBackend('native')
    }
  },
)

test('parameters come in the order of PyTorch, by which optimizers number them', () => {
  const parts = (m: Module, skip = '') => [
    ...new Set(m.namedParameters().map(([name]) => name.replace(skip, '').split('.')[0])),
  ]
  const norms = ['norm1', 'norm2']
  expect(parts(new TransformerEncoderLayer(8, 2))).toEqual(['self_attn', 'linear1', 'linear2', ...norms]) // biome-ignore format: a line
  expect(parts(new TransformerDecoderLayer(8, 2))).toEqual(['self_attn', 'multihead_attn', 'linear1', 'linear2', ...norms, 'norm3']) // biome-ignore format: a line
  const { encoder, decoder } = models.buildTransformer(3, 3, 4, 4, {
    dModel: 8,
    N: 1,
    h: 2,
    dFf: 8,
  })
  const rest = ['feed_forward_block', 'residual_connections', 'norm']
  expect(parts(encoder, 'layers.0.')).toEqual(['self_attention_block', ...rest])
  expect(parts(decoder, 'layers.0.')).toEqual(['self_attention_block', 'cross_attention_block', ...rest]) // biome-ignore format: a line
})

test('a copy task is learned', () => {
  manualSeed(1)
  const V = 8
  const model = models.buildTransformer(V, V, 6, 6, { dModel: 32, N: 1, h: 4, dropout: 0, dFf: 64 })
  const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 })
  const batch = () => randint(2, V, [32, 5])
  const shifted = (t: Tensor) =>
    concat([zeros([t.shape[0]!, 1], { dtype: 'int32' }), t.narrow(1, 0, 4)], 1)
  const step = compile((src: Tensor) => {
    const y = model.forward(src, shifted(src))
    const loss = crossEntropy(y.reshape([-1, V]), src.reshape([-1]))
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  })
  for (let i = 0; i < 250; i++) step(batch())
  model.eval()
  const src = batch()
  const got = noGrad(() => model.forward(src, shifted(src)).argmax(2))
  expect(got.toArray()).toEqual(src.toArray())
})

describe('weights from files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-weights-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const sizes = { vocabSize: 11, nPositions: 9, nEmbd: 8, nLayer: 2, nHead: 2 }
  const tokens = arange(5, { dtype: 'int32' }).reshape([1, 5])

  test('shards with an index, names without the prefix, what is of no use', () => {
    const from = new models.GPT2(sizes).eval() as models.GPT2
    const all = Object.entries(from.stateDict()).map(
      ([n, t]) => [n.replace('transformer.', ''), t] as const,
    )
    const half = Math.ceil(all.length / 2)
    const shards = {
      'a.safetensors': Object.fromEntries(all.slice(0, half)),
      'b.safetensors': {
        ...Object.fromEntries(all.slice(half)),
        'h.0.attn.bias': zeros([1, 1, 9, 9]),
        'lm_head.weight': from.transformer.wte.weight,
      },
    }
    const map: Record<string, string> = {}
    for (const [file, tensors] of Object.entries(shards)) {
      saveTensors(join(folder, file), tensors)
      for (const n of Object.keys(tensors)) map[n] = file
    }
    const index = join(folder, 'model.safetensors.index.json')
    writeFileSync(index, JSON.stringify({ metadata: {}, weight_map: map }))
    const to = new models.GPT2(sizes).eval() as models.GPT2
    const report = models.loadPretrained(to, folder)
    expect(report.complete).toBe(true)
    expect(report.ignored).toEqual(['h.0.attn.bias'])
    expect(to.forward(tokens).toArray()).toEqual(from.forward(tokens).toArray())
  })
  test('a tied matrix may be absent', () => {
    const o = { vocabSize: 11, hiddenSize: 8, intermediateSize: 6, numHiddenLayers: 1, numAttentionHeads: 2, tieWordEmbeddings: true } // biome-ignore format: a line
    const model = new models.Llama(o)
    const { 'lm_head.weight': _, ...saved } = model.stateDict()
    const report = models.loadPretrained(new models.Llama(o), saved)
    expect(report.tied).toEqual(['lm_head.weight'])
    expect(() => models.loadPretrained(new models.Llama({ ...o, tieWordEmbeddings: false }), saved)).toThrow(/missing in the file: lm_head.weight/) // biome-ignore format: a line
  })
  test('what does not fit is reported, and nothing is changed when it must', () => {
    const model = new models.GPT2(sizes)
    const saved: Record<string, Tensor> = { ...model.stateDict(), extra: zeros([1]) }
    saved['transformer.wpe.weight'] = zeros([4, 8])
    delete saved['transformer.ln_f.bias']
    const before = model.transformer.wte.weight.clone()
    saved['transformer.wte.weight'] = normal([11, 8])
    expect(() => models.loadPretrained(model, saved)).toThrow(
      /wpe.weight is \[9, 8\], the file has \[4, 8\]/,
    )
    expect(model.transformer.wte.weight.toArray()).toEqual(before.toArray())
    const report = models.loadPretrained(model, saved, { strict: false })
    expect(report.missing).toEqual(['transformer.ln_f.bias'])
    expect(report.unexpected).toEqual(['extra'])
    expect(`${report}`).toMatch(
      /tensors loaded\nmissing in the file: transformer.ln_f.bias\nnot in the model: extra/,
    )
    expect(model.transformer.wte.weight.toArray()).toEqual(
      saved['transformer.wte.weight']!.toArray(),
    )
  })
  test.each([
    ['no JSON', '{', /the index is JSON/],
    ['no map', '{"weight_map": []}', /weight_map/],
    [
      'a way out of the folder',
      '{"weight_map": {"x": "../x.safetensors"}}',
      /lie beside the index/,
    ],
    ['a name that is not there', '{"weight_map": {"__proto__x": "a.safetensors"}}', /__proto__x/],
  ])('an index with %s is refused', (_, text, message) => {
    const path = join(folder, 'bad.index.json')
    writeFileSync(path, text)
    expect(() => models.loadShards(path)).toThrow(message)
  })
})
