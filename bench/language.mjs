/**
 * Transformers: training steps, attention alone, decoding. The Python side is torch_language.py, written from plain
 * operations, as PyTorch 1.13 has no other way to do it.
 */

/** Tokens that are the same in every run. */
const tokens = ({ nabla }, shape, vocabulary) => {
  const n = shape.reduce((a, b) => a * b, 1)
  return nabla.tensor(
    Int32Array.from({ length: n }, (_, i) => (i * 7919 + 13) % vocabulary),
    {
      shape,
    },
  )
}

/** A step of teacher forcing by Adam; `logits` gives (N, L, vocabulary); options.fill gives weights other initial values. */
function training({ nabla, optim }, model, vocabulary, options, logits) {
  options.fill?.(model)
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr ?? 1e-7 })
  return nabla.compile((...inputs) => {
    const target = inputs.at(-1).reshape([-1])
    const loss = () =>
      nabla.crossEntropy(logits(...inputs).reshape([-1, vocabulary]), target, {
        labelSmoothing: 0.1,
      })
    const l = options.autocast ? nabla.autocast(loss) : loss()
    optimizer.zeroGrad()
    l.backward()
    optimizer.step()
    return l
  })
}

export function encoderDecoder(
  lib,
  { d, h, N, dFf, vocabulary, length, batch, dropout = 0.1, ...options },
) {
  const model = lib.models.buildTransformer(vocabulary, vocabulary, length, length, { dModel: d, h, N, dFf, dropout }) // biome-ignore format: a line
  const step = training(lib, model, vocabulary, options, (src, tgt) => model.forward(src, tgt))
  const [src, tgt] = [0, 1].map(() => tokens(lib, [batch, length], vocabulary))
  return () => step(src, tgt, tgt)
}
export function gpt(lib, { d, h, N, vocabulary, length, batch, dropout = 0.1, ...options }) {
  const model = new lib.models.GPT2({ vocabSize: vocabulary, nPositions: length, nEmbd: d, nLayer: N, nHead: h, dropout }) // biome-ignore format: a line
  const step = training(lib, model, vocabulary, options, (x) => model.forward(x))
  const x = tokens(lib, [batch, length], vocabulary)
  return () => step(x, x)
}

/** Causal attention of one sequence, forward or with its gradients. */
function attention(lib, { heads, width, length, back }) {
  const { nabla } = lib
  const [q, k, v, ct] = [1, 2, 3, 4].map((seed) => {
    const n = heads * length * width
    const t = nabla.tensor(Float32Array.from({ length: n }, (_, i) => Math.sin(i * seed * 0.37)), { shape: [1, heads, length, width] }) // biome-ignore format: a line
    t.requiresGrad = back && seed < 4
    return t
  })
  const run = nabla.compile((g) => {
    const y = nabla.scaledDotProductAttention(q, k, v, { isCausal: true })
    return back ? nabla.gradients([y], [q, k, v], [g]) : [y]
  })
  return () => {
    for (const t of run(ct)) t.dispose()
  }
}

/** Greedy decoding of `length` tokens, batch 1; bits: 32, or those of quantized weights. */
function decode(lib, { d, h, N, dFf, vocabulary, source, length, bits, way }) {
  const { nabla, nn, models } = lib
  const model = models.buildTransformer(vocabulary, vocabulary, source, length + 1, { dModel: d, h, N, dFf }).eval() // biome-ignore format: a line
  if (bits < 32) nn.quantize(model, { bits, groupSize: bits === 4 ? 32 : 64 })
  const read = models.conditioned(model, Array.from({ length: source }, (_, i) => (i * 31) % vocabulary)) // biome-ignore format: a line
  if (way !== 'eager') {
    const options = { maxNewTokens: length, cache: way !== 'without cache' }
    return () => models.generate(read, [1], options)
  }
  return () =>
    nabla.noGrad(() => {
      const cache = read.makeCache(1, length + 1)
      let token = 1
      for (let i = 0; i < length; i++) {
        const start = nabla.tensor(Int32Array.of(i))
        const x = nabla.tensor(Int32Array.of(token), { shape: [1, 1] })
        token = nabla.tidy(() => read.forward(x, { cache, start }).argmax(-1).item())
      }
      for (const t of cache.tensors()) t.dispose()
    })
}

export const small = { d: 128, h: 4, N: 2, dFf: 512, vocabulary: 2000, length: 32, batch: 16 }
const base = { d: 512, h: 8, N: 6, dFf: 2048, vocabulary: 8000 }
export const gptSizes = { d: 256, h: 4, N: 4, vocabulary: 5000, length: 128, batch: 8 }
const decoding = (name, goal, args = {}, more = {}) => ({
  name: `decode base ${name}`,
  torch: 'lm_decode',
  args: { ...base, source: 32, length: 32, bits: 32, cache: true, ...args },
  nabla: (lib, { cache: _, ...own }) => decode(lib, { ...own, ...more }),
  ...(goal && { goal: { native: goal } }),
})
/** `wasm`: the goal with one thread on Node 26 (`--backend wasm --node 26 --threads 1`). */
const step = (name, torch, nabla, args, native, wasm) => ({
  name: `step ${name}`,
  torch,
  args,
  nabla,
  goal: { native, ...(wasm && { wasm }) },
})
const half = (run) => (lib, args) => run(lib, { ...args, autocast: true })

export const languageCases = [
  step('encoder-decoder 128', 'lm_encoder_decoder', encoderDecoder, small, 2.8),
  step('gpt 256', 'lm_gpt', gpt, gptSizes, 2.1, 0.5),
  step('encoder-decoder base', 'lm_encoder_decoder', encoderDecoder, { ...base, length: 64, batch: 4 }, 1.9), // biome-ignore format: a line
  step('gpt 256 bfloat16', 'lm_gpt', half(gpt), gptSizes, 2.8),
  step('encoder-decoder base bfloat16', 'lm_encoder_decoder', half(encoderDecoder), { ...base, length: 64, batch: 4 }, 2.8), // biome-ignore format: a line
  {
    ...step('encoder-decoder base, the first', 'lm_encoder_decoder', encoderDecoder, { ...base, length: 64, batch: 4 }, 1), // biome-ignore format: a line
    measure: 'first',
    goalLater: 2.2,
    goalMemory: 0.66,
  },
  ...[512, 1024].flatMap((length) =>
    [false, true].map((back) => ({
      name: `attention ${length}${back ? ' and gradients' : ''}`,
      torch: 'lm_attention',
      args: { heads: 4, width: 64, length, back },
      nabla: attention,
      goal: { native: back ? 2.5 : 3 },
    })),
  ),
  ...[
    ['words 10 MB', 'words', 1000],
    ['bpe 8000 10 MB', 'bpe', 5000],
    ['encodes 10 MB', 'encode', undefined],
  ].map(([name, kind, goalMs]) => ({ name: `tokenizer ${name}`, measure: 'texts', args: { kind }, goalMs })), // biome-ignore format: a line
  decoding('float32', 2.3),
  decoding('bfloat16', 4, { bits: 16 }),
  decoding('int8', 7, { bits: 8 }),
  decoding('int4', undefined, { bits: 4 }),
  decoding('eager', undefined, {}, { way: 'eager' }),
  decoding('without cache', 3, { cache: false }, { way: 'without cache' }),
]
