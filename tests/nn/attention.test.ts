/** Attention, positions and stacks: what golden numbers and laws do not say. */
import {
  compile,
  gradients,
  manualSeed,
  normal,
  ones,
  scaledDotProductAttention,
  type Tensor,
  tensor,
  zeros,
} from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'

const numbers = (t: Tensor) => [...(t.toTypedArray() as Iterable<number>)]
const close = (a: Tensor, b: Tensor, tolerance = 1e-5) => {
  expect(a.shape).toEqual(b.shape)
  const w = numbers(b)
  numbers(a).forEach((v, i) => {
    expect(Math.abs(v - w[i]!), `[${i}]: ${v}, expected ${w[i]}`).toBeLessThanOrEqual(tolerance)
  })
}
const differ = (a: Tensor, b: Tensor) =>
  Math.max(...numbers(a).map((v, i) => Math.abs(v - numbers(b)[i]!)))

/** x with its rows from `from` on drawn anew. */
function changed(x: Tensor, from: number): Tensor {
  const rows = x.shape[1]!
  const keep = tensor(Array.from({ length: rows }, (_, i) => (i < from ? 1 : 0))).reshape([rows, 1])
  return x.mul(keep).add(normal(x.shape).mul(keep.neg().add(1)))
}

describe('causal attention does not see the future', () => {
  const model = () => {
    manualSeed(1)
    const layer = () =>
      new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true })
    return new nn.TransformerEncoder(layer, 2).eval() as nn.TransformerEncoder
  }
  test.each([false, true])('by mask %s', (byMask) => {
    const m = model()
    const call = byMask
      ? { mask: nn.Transformer.generateSquareSubsequentMask(6) }
      : { isCausal: true }
    const x = normal([2, 6, 8])
    const y = m.forward(x, call)
    for (const from of [1, 3, 5]) {
      const z = m.forward(changed(x, from), call)
      close(z.narrow(1, 0, from), y.narrow(1, 0, from), 1e-6)
      expect(differ(z.narrow(1, from, 1), y.narrow(1, from, 1))).toBeGreaterThan(1e-3)
    }
    // Without it, it does.
    expect(
      differ(m.forward(changed(x, 3)).narrow(1, 0, 3), m.forward(x).narrow(1, 0, 3)),
    ).toBeGreaterThan(1e-3)
  })
  test('no gradient comes from the future', () => {
    const m = model()
    const x = normal([1, 6, 8], 0, 1, { requiresGrad: true })
    const y = m.forward(x, { isCausal: true }).narrow(1, 0, 3)
    const [g] = gradients([y.mul(normal(y.shape)).sum()], [x])
    expect(numbers(g!.narrow(1, 3, 3)).every((v) => v === 0)).toBe(true)
    expect(numbers(g!.narrow(1, 2, 1)).some((v) => v !== 0)).toBe(true)
  })
})

describe('the order of words', () => {
  const order = [3, 0, 4, 1, 2]
  const shuffled = (t: Tensor) => t.indexSelect(1, tensor(order, { dtype: 'int32' }))
  const layer = () => {
    manualSeed(2)
    return new nn.TransformerEncoderLayer(8, 2, {
      dimFeedforward: 16,
      batchFirst: true,
    }).eval() as nn.TransformerEncoderLayer
  }
  test('without positions it is not known', () => {
    const m = layer()
    const x = normal([2, 5, 8])
    close(m.forward(shuffled(x)), shuffled(m.forward(x)))
  })
  test.each<[string, () => nn.Module & { forward(x: Tensor): Tensor }]>([
    ['sinusoidal', () => new nn.PositionalEncoding(8, 10, 0)],
    ['learned', () => new nn.LearnedPositions(10, 8, 1)],
  ])('with %s positions it is', (_name, make) => {
    const [m, positions] = [layer(), make()]
    const x = normal([2, 5, 8])
    const f = (t: Tensor) => m.forward(positions.forward(t))
    expect(differ(f(shuffled(x)), shuffled(f(x)))).toBeGreaterThan(1e-2)
  })
  test.each([false, true])('with rotary positions it is; interleaved %s', (interleaved) => {
    const turn = new nn.RotaryEmbedding(8, { interleaved })
    const x = normal([2, 1, 5, 8])
    const f = (t: Tensor) => {
      const q = turn.forward(t)
      return scaledDotProductAttention(q, q, t)
    }
    const mixed = (t: Tensor) => shuffled(t.squeeze(1)).unsqueeze(1)
    expect(differ(f(mixed(x)), mixed(f(x)))).toBeGreaterThan(1e-2)
    // Only distances count.
    const score = (at: number) => turn.forward(x, at).matmul(turn.forward(x, at).transpose(-1, -2))
    close(score(0), score(7), 1e-4)
  })
  test('with linear biases it is, and a row of them is enough where the future is hidden', () => {
    const x = normal([1, 4, 5, 8])
    const f = (attnMask: Tensor) => scaledDotProductAttention(x, x, x, { attnMask, isCausal: true })
    close(f(nn.alibi(4, 5)), f(nn.alibi(4, 5, { causal: false })))
    expect(
      differ(f(nn.alibi(4, 5)), scaledDotProductAttention(x, x, x, { isCausal: true })),
    ).toBeGreaterThan(1e-2)
  })
  test('slopes for a number of heads that is no power of two', () => {
    expect(nn.alibiSlopes(6)).toEqual([0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125])
  })
  test('the table of sinusoidal positions', () => {
    const table = numbers(nn.sinusoidalPositions(50, 6))
    for (const pos of [0, 1, 7, 49])
      for (let i = 0; i < 6; i++) {
        const angle = pos / 10000 ** ((i - (i % 2)) / 6)
        expect(table[pos * 6 + i]).toBeCloseTo(i % 2 === 0 ? Math.sin(angle) : Math.cos(angle), 6)
      }
  })
})

describe('stacks', () => {
  test('layers start from values of their own', () => {
    const m = new nn.Transformer(8, 2, {
      numEncoderLayers: 3,
      numDecoderLayers: 2,
      dimFeedforward: 4,
    })
    const [a, b, c] = m.encoder
      .modules()
      .filter((p) => p instanceof nn.TransformerEncoderLayer) as nn.TransformerEncoderLayer[]
    for (const [x, y] of [
      [a, b],
      [b, c],
    ] as const) {
      expect(differ(x!.linear1.weight, y!.linear1.weight)).toBeGreaterThan(0.01)
      expect(differ(x!.selfAttn.inProjWeight!, y!.selfAttn.inProjWeight!)).toBeGreaterThan(0.01)
    }
  })
  test('names are those of PyTorch', () => {
    const m = new nn.Transformer(4, 2, {
      numEncoderLayers: 1,
      numDecoderLayers: 1,
      dimFeedforward: 4,
    })
    const names = m.namedParameters().map(([n]) => n)
    expect(names).toContain('encoder.layers.0.self_attn.in_proj_weight')
    expect(names).toContain('decoder.layers.0.multihead_attn.out_proj.bias')
    expect(names).toContain('decoder.norm.weight')
  })
  test('what cannot be made anew is refused by name', () => {
    expect(() => new nn.TransformerEncoder(new nn.Linear(2, 2) as never, 2)).toThrow(
      /another\(\).*Linear/,
    )
  })
})

describe('dropout of weights', () => {
  test('the mean stays, rows are scaled, and a seed repeats it', () => {
    const [q, k] = [normal([1, 2, 40, 8]), normal([1, 2, 50, 8])]
    const v = ones([1, 2, 50, 3])
    const f = () => {
      manualSeed(3)
      return scaledDotProductAttention(q, k, v, { dropoutP: 0.3 })
    }
    const y = f()
    close(f(), y, 0)
    expect(y.mean().item()).toBeCloseTo(1, 1)
    expect(differ(y, ones(y.shape))).toBeGreaterThan(0.05)
    close(compile(f)(), y, 1e-6)
    close(scaledDotProductAttention(q, k, v, { dropoutP: 1 }), zeros(y.shape), 0)
  })
  test('the layer drops in training only', () => {
    const m = new nn.MultiheadAttention(8, 2, { dropout: 0.5 })
    const x = normal([4, 1, 8])
    const run = () => m.forward(x, x, x, { needWeights: false })[0]
    expect(differ(run(), run())).toBeGreaterThan(1e-3)
    m.eval()
    close(run(), run(), 0)
  })
})

describe('what does not fit is refused', () => {
  const [q, k] = [normal([2, 3, 4]), normal([2, 5, 4])]
  test.each<[string, () => unknown, RegExp]>([
    ['widths', () => scaledDotProductAttention(q, normal([2, 5, 3]), k), /last axis of key/],
    ['lengths', () => scaledDotProductAttention(q, k, normal([2, 6, 4])), /as many rows as key, 5/],
    ['axes', () => scaledDotProductAttention(q, normal([5, 4]), normal([5, 4])), /as many axes/],
    [
      'a mask of another shape',
      () => scaledDotProductAttention(q, k, k, ones([3, 4])),
      /broadcast/,
    ],
    [
      'a mask of whole numbers',
      () => scaledDotProductAttention(q, k, k, tensor([1], { dtype: 'int32' })),
      /bool/,
    ],
    [
      'whole numbers',
      () =>
        scaledDotProductAttention(
          ...([q, q, q].map((t) => t.to('int32')) as [Tensor, Tensor, Tensor]),
        ),
      /float type/,
    ],
    ['a probability', () => scaledDotProductAttention(q, k, k, { dropoutP: 2 }), /\[0, 1\]/],
    ['an option', () => scaledDotProductAttention(q, k, k, { causal: true } as never), /isCausal/],
    [
      'groups',
      () =>
        scaledDotProductAttention(
          normal([1, 3, 2, 4]),
          normal([1, 2, 2, 4]),
          normal([1, 2, 2, 4]),
          { enableGqa: true },
        ),
      /divides/,
    ],
    ['heads', () => new nn.MultiheadAttention(8, 3), /3 heads must divide/],
    ['a batch', () => new nn.MultiheadAttention(4, 1).forward(q, k, k), /same batch, axis 1/],
    [
      'a padding mask',
      () =>
        new nn.MultiheadAttention(4, 1, { batchFirst: true }).forward(q, k, k, {
          keyPaddingMask: zeros([2, 4], { dtype: 'bool' }),
        }),
      /keyPaddingMask must be \[2, 5\]/,
    ],
    [
      'positions',
      () => new nn.PositionalEncoding(4, 5).forward(zeros([1, 6, 4])),
      /there are 5 positions/,
    ],
    ['an odd width', () => new nn.RotaryEmbedding(3), /even/],
  ])('%s', (_what, f, message) => {
    expect(f).toThrow(message)
  })
})
