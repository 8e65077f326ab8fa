import {
  addbmm,
  addmm,
  autocast,
  baddbmm,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  compile,
  cosineEmbeddingLoss,
  crossEntropy,
  embedding,
  gelu,
  hingeEmbeddingLoss,
  huberLoss,
  klDiv,
  l1Loss,
  layerNorm,
  linear,
  manualSeed,
  marginRankingLoss,
  matmul,
  mseLoss,
  multiMarginLoss,
  nllLoss,
  ones,
  randint,
  randn,
  sigmoid,
  smoothL1Loss,
  softMarginLoss,
  softmax,
  tensor,
  type Tensor,
  tripletMarginLoss,
  zeros,
} from 'nabla'
import { AdamW, GradScaler, SGD } from 'nabla/optim'
import { beforeEach, describe, expect, test } from 'vitest'

beforeEach(() => {
  manualSeed(3)
})

describe('autocast', () => {
  test('products are bfloat16, parameters and their gradients float32', () => {
    const w = randn([4, 8]).requireGrad()
    const b = randn([4]).requireGrad()
    const x = randn([2, 8])
    const y = autocast(() => linear(x, w, b))
    expect(y.dtype).toBe('bfloat16')
    expect(linear(x, w, b).dtype).toBe('float32')
    y.sum().backward()
    expect([w.grad!.dtype, b.grad!.dtype]).toEqual(['float32', 'float32'])
    const want = linear(
      x.to('bfloat16').to('float32'),
      w.to('bfloat16').to('float32'),
      b.to('bfloat16').to('float32'),
    ).to('bfloat16')
    expect(y.toArray()).toEqual(want.toArray())
  })
  test('float16, nested and off inside', () => {
    const a = ones([2, 2])
    autocast(
      () => {
        expect(matmul(a, a).dtype).toBe('float16')
        expect(autocast(() => matmul(a, a)).dtype).toBe('bfloat16')
        expect(autocast(() => matmul(a, a), { enabled: false }).dtype).toBe('float32')
        expect(softmax(matmul(a, a), 0).dtype).toBe('float16')
        expect(matmul(a, a).add(a).dtype).toBe('float32')
        expect(matmul(a.to('float64'), a.to('float64')).dtype).toBe('float64')
      },
      { dtype: 'float16' },
    )
    expect(matmul(a, a).dtype).toBe('float32')
    expect(() => autocast(() => a, { dtype: 'float32' })).toThrow('bfloat16 or float16')
  })
  test('losses are float32, sums beside a product are of its type', () => {
    const h = randn([3, 3]).to('bfloat16')
    const x = randn([3, 3])
    const labels = zeros([3], { dtype: 'int32' })
    autocast(() => {
      const losses = [
        crossEntropy(h, labels),
        crossEntropy(h, softmax(x, -1)),
        nllLoss(h, labels),
        mseLoss(h, h),
        l1Loss(h, h),
        smoothL1Loss(h, h),
        huberLoss(h, h),
        klDiv(h, h),
        binaryCrossEntropy(sigmoid(h), sigmoid(h)),
        binaryCrossEntropyWithLogits(h, sigmoid(h)),
        hingeEmbeddingLoss(h, h),
        softMarginLoss(h, h),
        marginRankingLoss(h, h, h),
        multiMarginLoss(h, labels),
        tripletMarginLoss(h, h, h),
        cosineEmbeddingLoss(h, h, ones([3])),
      ]
      expect(losses.map((l) => l.dtype)).toEqual(losses.map(() => 'float32'))
      expect(addmm(x, x, x).dtype).toBe('bfloat16')
      expect(baddbmm(x.reshape([1, 3, 3]), ones([1, 3, 3]), ones([1, 3, 3])).dtype).toBe('bfloat16')
      expect(addbmm(x, ones([2, 3, 3]), ones([2, 3, 3])).dtype).toBe('bfloat16')
    })
    expect(mseLoss(h, h).dtype).toBe('bfloat16')
  })
  test('a compiled function knows whether it is called inside', () => {
    const f = compile((x: Tensor) => matmul(x, x))
    const a = ones([2, 2])
    expect([f(a).dtype, autocast(() => f(a)).dtype, f(a).dtype]).toEqual([
      'float32',
      'bfloat16',
      'float32',
    ])
  })
})

describe('GradScaler', () => {
  const run = (compiled: boolean) => {
    const w = tensor([1, 2], { requiresGrad: true })
    const optimizer = new SGD([w], { lr: 0.5 })
    const scaler = new GradScaler({ initScale: 4, growthInterval: 2 })
    const body = (x: Tensor) => {
      optimizer.zeroGrad()
      scaler.scale(w.mul(x).sum()).backward()
      scaler.step(optimizer)
      scaler.update()
    }
    const step = compiled ? compile(body) : body
    const seen: [number[], number][] = []
    for (const x of [
      [1, 1],
      [Number.POSITIVE_INFINITY, 1],
      [1, 0],
      [1, 0],
      [1, 0],
    ]) {
      step(tensor(x))
      seen.push([w.toArray() as number[], scaler.getScale()])
    }
    return seen
  }
  const want = [
    [[0.5, 1.5], 4],
    [[0.5, 1.5], 2],
    [[0, 1.5], 2],
    [[-0.5, 1.5], 4],
    [[-1, 1.5], 4],
  ]
  test('skips what is not finite, shrinks and grows', () => expect(run(false)).toEqual(want))
  test('the same inside of compile', () => expect(run(true)).toEqual(want))
  test('disabled it does nothing', () => {
    const scaler = new GradScaler({ enabled: false })
    const x = tensor(3)
    expect([scaler.scale(x), scaler.getScale(), scaler.isEnabled()]).toEqual([x, 1, false])
  })
})

/** A GPT of plain operations: layers of attention and of a perceptron. */
function gpt(d: number, heads: number, layers: number, vocab: number, affine: boolean) {
  const w = (...shape: number[]) => randn(shape).mul(0.02).detach().requireGrad()
  const parameters: Tensor[] = []
  const keep = (t: Tensor) => {
    parameters.push(t)
    return t
  }
  const table = keep(w(vocab, d))
  const norm = () => (affine ? [keep(ones([d]).requireGrad()), keep(w(d))] : [])
  const blocks = Array.from({ length: layers }, () => ({
    first: norm(),
    second: norm(),
    qkv: keep(w(3 * d, d)),
    out: keep(w(d, d)),
    up: keep(w(4 * d, d)),
    down: keep(w(d, 4 * d)),
  }))
  const forward = (ids: Tensor) => {
    const [b, t] = ids.shape as [number, number]
    let x = embedding(ids, table)
    const causal = ones([t, t]).triu(1).mul(-1e9)
    for (const k of blocks) {
      const qkv = linear(layerNorm(x, [d], ...k.first), k.qkv)
        .reshape([b, t, 3, heads, d / heads])
        .permute([2, 0, 3, 1, 4])
      const [q, key, v] = [qkv.select(0, 0), qkv.select(0, 1), qkv.select(0, 2)]
      const scores = matmul(q, key.transpose(-1, -2)).mul((d / heads) ** -0.5)
      const weights = softmax(scores.add(causal.to(scores.dtype)), -1)
      const mixed = matmul(weights, v).permute([0, 2, 1, 3]).reshape([b, t, d])
      x = x.add(linear(mixed, k.out))
      x = x.add(linear(gelu(linear(layerNorm(x, [d], ...k.second), k.up)), k.down))
    }
    return linear(layerNorm(x, [d]), table)
  }
  return { parameters, forward }
}

test.each([false, true])(
  'a step of a GPT in bfloat16 takes 0.6 of the working memory, and learns; norms with weights: %s',
  (affine) => {
    const run = (half: boolean) => {
      manualSeed(1)
      const { parameters, forward } = gpt(256, 4, 2, 512, affine)
      const optimizer = new AdamW(parameters, { lr: 1e-3 })
      const step = compile((ids: Tensor, next: Tensor) => {
        const loss = autocast(
          () => crossEntropy(forward(ids).reshape([-1, 512]), next.reshape([-1])),
          { enabled: half },
        )
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        return loss.to('float32')
      })
      const ids = randint(0, 512, [8, 128])
      const losses = Array.from({ length: 3 }, () => step(ids, ids).item())
      const bytes = Number(/(\d+) bytes of working memory/.exec(step.explain())?.[1])
      return { losses, bytes }
    }
    const full = run(false)
    const half = run(true)
    expect(half.losses[2]!).toBeLessThan(half.losses[0]!)
    expect(half.bytes).toBeLessThanOrEqual(0.6 * full.bytes)
    // Ends of products save float32 more than bfloat16, which took 23.3 and 25.4 MB before.
    expect(half.bytes).toBeLessThan(affine ? 24.5e6 : 22.4e6)
  },
)
