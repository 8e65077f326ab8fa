/** Attention by tiles against the plain way: random shapes, masks, strides; dropout, groups, second derivatives. */
import {
  type BackendName,
  compile,
  gradCheck,
  gradients,
  manualSeed,
  normal,
  rand,
  scaledDotProductAttention,
  setBackend,
  type Tensor,
  tensor,
  where,
} from 'nabla'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AttentionOptions, attentionWithWeights } from '../../src/tensor/attention.js'
import { random } from '../laws/make.js'

const numbers = (t: Tensor) => t.toTypedArray() as Float32Array
function close(got: Tensor, want: Tensor, tolerance: number, what: string): void {
  expect(got.shape, what).toEqual(want.shape)
  const [a, b] = [numbers(got), numbers(want)]
  const scale = b.reduce((m, v) => Math.max(m, Math.abs(v)), 1)
  for (let i = 0; i < b.length; i++) {
    const ok = Math.abs(a[i]! - b[i]!) <= tolerance * scale
    if (!ok) expect.fail(`${what}[${i}]: ${a[i]}, the plain way gives ${b[i]}`)
  }
}

interface Case {
  B: number
  H: number
  G: number
  L: number
  S: number
  E: number
  D: number
  causal: boolean
  mask: 'none' | 'bool' | 'added' | 'padding' | 'nothing'
  p: number
  /** The layout that projections give: heads beside each other in a row. */
  rows: boolean
}
const shown = (c: Case) =>
  `${c.B}x${c.H}/${c.G} ${c.L}x${c.S} ${c.E}/${c.D} ${c.mask}${c.causal ? ' causal' : ''}${c.p ? ` p ${c.p}` : ''}${c.rows ? ' rows' : ''}`

function inputsOf(c: Case): { qkv: Tensor[]; options: AttentionOptions } {
  const one = (heads: number, n: number, width: number) =>
    c.rows ? normal([c.B, n, heads, width]).permute([0, 2, 1, 3]) : normal([c.B, heads, n, width])
  const qkv = [one(c.H, c.L, c.E), one(c.G, c.S, c.E), one(c.G, c.S, c.D)]
  const masks: Record<Case['mask'], () => Tensor | null> = {
    none: () => null,
    bool: () => rand([c.B, 1, c.L, c.S]).gt(0.4),
    added: () => normal([c.H, c.L, c.S]),
    padding: () => rand([c.B, 1, 1, c.S]).gt(0.3),
    nothing: () => rand([c.L, 1]).gt(0.5).expand([c.L, c.S]),
  }
  return {
    qkv,
    options: {
      attnMask: masks[c.mask](),
      isCausal: c.causal,
      dropoutP: c.p,
      enableGqa: c.G !== c.H,
    },
  }
}

/** Output and gradients. */
function results(f: (...args: Tensor[]) => Tensor, qkv: Tensor[]): Tensor[] {
  const leaves = qkv.map((t) => t.detach())
  for (const t of leaves) t.requiresGrad = true
  manualSeed(5)
  const y = f(...leaves)
  manualSeed(6)
  return [y, ...gradients([y], leaves, [normal(y.shape)]).map((g) => g!)]
}

function compare(c: Case, tolerance = 2e-5): void {
  manualSeed(c.L * 31 + c.S)
  const { qkv, options } = inputsOf(c)
  type Way = (q: Tensor, k: Tensor, v: Tensor, o: AttentionOptions) => Tensor
  const by = (way: Way) => results((q, k, v) => way(q!, k!, v!, options), qkv)
  const want = by((...args) => attentionWithWeights(...args)[0])
  const names = ['output', 'gradient of q', 'gradient of k', 'gradient of v']
  by(scaledDotProductAttention).forEach((t, i) => {
    close(t, want[i]!, tolerance, `${shown(c)}: ${names[i]}`)
  })
}

const plain: Case = { B: 1, H: 1, G: 1, L: 3, S: 5, E: 4, D: 4, causal: false, mask: 'none', p: 0, rows: false } // biome-ignore format: a line
const chosen: Partial<Case>[] = [
  {},
  { L: 1, S: 300, E: 64, D: 64 },
  { L: 0, S: 4 },
  { L: 4, S: 0 },
  { B: 0 },
  { B: 2, H: 2, G: 2, L: 130, S: 270, E: 16, D: 24, causal: true, rows: true },
  { H: 2, G: 2, L: 270, S: 130, causal: true },
  { H: 4, G: 2, L: 70, S: 70, E: 8, mask: 'bool', causal: true },
  { H: 4, G: 1, L: 129, S: 129, p: 0.3, causal: true },
  { H: 3, G: 3, L: 60, S: 131, mask: 'padding', p: 0.2, rows: true },
  { L: 65, S: 140, mask: 'nothing' },
  { L: 140, S: 65, E: 3, D: 5, mask: 'nothing', p: 0.5 },
  { L: 20, S: 20, mask: 'added', causal: true, p: 1 },
  { L: 300, S: 300, E: 40, D: 72, mask: 'added' },
]

describe.each<BackendName>(['native', 'wasm', 'reference'])('%s', (name) => {
  beforeAll(() => setBackend(name))
  afterAll(() => setBackend('native'))

  test.each(chosen.map((c) => ({ ...plain, ...c })).map((c) => [shown(c), c] as const))(
    '%s',
    (_, c) => compare(c),
  )
  test('random shapes and masks', () => {
    const { below } = chances(name.length)
    for (let i = 0; i < (name === 'native' ? 60 : 15); i++) {
      const G = 1 + below(3)
      const most = below(4) === 0 ? 260 : 40
      compare({
        B: 1 + below(2),
        G,
        H: G * (1 + below(3)),
        L: 1 + below(most),
        S: 1 + below(most),
        E: 1 + below(20),
        D: 1 + below(20),
        causal: below(2) === 0,
        mask: (['none', 'bool', 'added', 'padding', 'nothing'] as const)[below(5)]!,
        p: below(3) === 0 ? 0.25 : 0,
        rows: below(2) === 0,
      })
    }
  })
})
function chances(seed: number): { below: (n: number) => number } {
  const next = random(seed)
  return { below: (n) => Math.floor(next() * n) }
}

test('compiled it is one step forward and one back, and the same', () => {
  setBackend('native')
  const c: Case = { ...plain, B: 2, H: 2, G: 2, L: 80, S: 80, causal: true }
  const { qkv } = inputsOf(c)
  const f = (...args: Tensor[]) => results((q, k, v) => scaledDotProductAttention(q!, k!, v!, { isCausal: true }), args) // biome-ignore format: a line
  const step = compile(f)
  const got = step(...qkv)
  f(...qkv).forEach((t, i) => {
    close(got[i]!, t, 1e-6, `result ${i}`)
  })
  const lines = step.explain()
  expect(lines).toMatch(/attention 2×2 heads of 4, 80 queries by 80 keys, causal/)
  expect(lines).toMatch(/attention back 2×2 heads of 4, 80 queries by 80 keys, causal/)
  expect(lines).not.toMatch(/80×80|\[2, 2, 80, 80\]/)
})

test('gradients of gradients are those of the plain way', () => {
  setBackend('native')
  const c: Case = { ...plain, H: 4, G: 2, L: 9, S: 12, mask: 'added', p: 0.2 }
  manualSeed(3)
  const { qkv, options } = inputsOf(c)
  const second = (way: typeof scaledDotProductAttention) => {
    const leaves = qkv.map((t) => t.detach())
    for (const t of leaves) t.requiresGrad = true
    manualSeed(5)
    const [q, k, v] = leaves as [Tensor, Tensor, Tensor]
    const y = way(q, k, v, options)
    manualSeed(6)
    const first = gradients([y], leaves, [normal(y.shape)], { createGraph: true })
    const all = first.map((g) => g!.mul(normal(g!.shape)).sum()).reduce((a, b) => a.add(b))
    return gradients([all], leaves).map((g) => g!)
  }
  const want = second((q, k, v, o) => attentionWithWeights(q, k, v, o as AttentionOptions)[0])
  second(scaledDotProductAttention).forEach((t, i) => {
    close(t, want[i]!, 1e-4, `second gradient ${i}`)
  })
})

test('gradients are those of finite differences', () => {
  setBackend('reference')
  manualSeed(8)
  const draw = (...shape: number[]) => normal(shape, 0, 1, { dtype: 'float64' })
  const qkv = [draw(1, 4, 3, 2), draw(1, 2, 4, 2), draw(1, 2, 4, 3)]
  const mask = tensor([true, false, true, true])
  for (const options of [{}, { isCausal: true }, { attnMask: mask, scale: 0.3 }])
    expect(
      gradCheck(
        (q: Tensor, k: Tensor, v: Tensor) =>
          scaledDotProductAttention(q, k, v, { ...options, enableGqa: true }),
        qkv,
      ),
    ).toBe(true)
})

test('a mask that is learned gets its gradient', () => {
  setBackend('native')
  manualSeed(4)
  const [q, k, v] = [normal([2, 3, 8, 4]), normal([2, 3, 9, 4]), normal([2, 3, 9, 4])]
  const bias = (way: typeof scaledDotProductAttention) => {
    const m = normal([3, 1, 9], 0, 1, { requiresGrad: true })
    return [m, way(q, k, v, { attnMask: m })] as const
  }
  const grad = (way: typeof scaledDotProductAttention) => {
    manualSeed(9)
    const [m, y] = bias(way)
    return gradients([y], [m], [normal(y.shape)])[0]!
  }
  const want = grad((a, b, c, o) => attentionWithWeights(a, b, c, o as AttentionOptions)[0])
  close(grad(scaledDotProductAttention), want, 1e-5, 'gradient of the mask')
})

test('half types are computed in float32 and rounded once', () => {
  setBackend('native')
  manualSeed(4)
  const full = [normal([1, 2, 20, 8]), normal([1, 2, 20, 8]), normal([1, 2, 20, 8])]
  for (const dtype of ['bfloat16', 'float16'] as const) {
    const half = full.map((t) => t.to(dtype)) as [Tensor, Tensor, Tensor]
    const y = scaledDotProductAttention(...half)
    expect(y.dtype).toBe(dtype)
    const [q, k, v] = half.map((t) => t.to('float32')) as [Tensor, Tensor, Tensor]
    close(y.to('float32'), scaledDotProductAttention(q, k, v).to(dtype).to('float32'), 0, dtype)
  }
})

test('a key that is hidden has no part, even when it is not a number', () => {
  setBackend('native')
  const [q, k, v] = [normal([1, 1, 4, 4]), normal([1, 1, 6, 4]), normal([1, 1, 6, 4])]
  const attnMask = tensor([true, true, false, true, true, true])
  const bad = k.add(where(attnMask, 0, Number.NaN).reshape([6, 1]))
  const f = (keys: Tensor) => scaledDotProductAttention(q, keys, v, { attnMask })
  close(f(bad), f(k), 0, 'the same')
})
