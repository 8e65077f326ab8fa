import { describe, expect, test } from 'vitest'
import { backend as findBackend } from '../../src/backends/registry.js'
import {
  arrayFrom,
  type DType,
  dtypes,
  isFloat,
  numbersOf,
  promote,
  readNumber,
  resultType,
  writeNumber,
  newArray,
} from '../../src/core/dtype.js'
import { fromData } from '../../src/ops/tensor.js'
import * as nabla from '../../src/index.js'
import {
  add,
  compile,
  full,
  matmul,
  setBackend,
  softmax,
  tensor,
  type Tensor,
} from '../../src/index.js'
import promotion from '../golden/promotion.json' with { type: 'json' }

const backends = ['reference', 'native', 'wasm'] as const

/** What nabla has in the place of PyTorch's int16. */
const ours = (name: string) => (name === 'int16' ? 'int32' : name) as DType

describe('promotion', () => {
  const {
    promote: pairs,
    scalars,
    zeroDim,
  } = promotion as unknown as Record<string, Record<DType, Record<string, string>>>
  test('every pair of types as torch.promote_types', () => {
    for (const a of dtypes)
      for (const b of dtypes) expect(promote(a, b), `${a} ${b}`).toBe(ours(pairs![a]![b]!))
  })
  test('a tensor beside a number as torch.result_type', () => {
    for (const a of dtypes) {
      const t = { dtype: a, rank: 1 }
      expect(resultType([t, true])).toBe(ours(scalars![a].bool!))
      expect(resultType([t, 1.5])).toBe(ours(scalars![a].float!))
      // The whole numbers of JavaScript are int32, where Python's are int64.
      expect(resultType([t, 3])).toBe(a === 'bool' ? 'int32' : ours(scalars![a].int!))
    }
  })
  test('a tensor beside one of shape [] as torch.result_type', () => {
    for (const a of dtypes)
      for (const b of dtypes)
        expect(
          resultType([
            { dtype: a, rank: 1 },
            { dtype: b, rank: 0 },
          ]),
          `${a} ${b}`,
        ).toBe(ours(zeroDim![a][b]!))
  })
  test('operations follow it', () => {
    for (const a of dtypes)
      for (const b of dtypes) {
        const want = promote(a, b)
        const y = add(full([2], 1, { dtype: a }), full([2], 1, { dtype: b }))
        expect(y.dtype, `${a} ${b}`).toBe(want === 'bool' ? 'int32' : want)
      }
  })
})

describe('half types', () => {
  const one = newArray('float16', 1)
  test('every bit pattern is read and written back', () => {
    for (const dtype of ['float16', 'bfloat16'] as const)
      for (let bits = 0; bits < 65536; bits++) {
        one[0] = bits
        const x = readNumber(dtype, one, 0)
        if (Number.isNaN(x)) continue
        writeNumber(dtype, one, 0, x)
        expect(one[0]).toBe(bits)
      }
  })
  test('numbers are rounded to the nearest, ties to even', () => {
    const f16 = (x: number) => {
      writeNumber('float16', one, 0, x)
      return readNumber('float16', one, 0)
    }
    expect([
      f16(2049),
      f16(2051),
      f16(65519.99),
      f16(65520),
      f16(2 ** -25),
      f16(2 ** -25 * 1.001),
    ]).toEqual([2048, 2052, 65504, Number.POSITIVE_INFINITY, 0, 2 ** -24])
    const bf16 = (x: number) => {
      writeNumber('bfloat16', one, 0, x)
      return readNumber('bfloat16', one, 0)
    }
    expect([bf16(257), bf16(259), bf16(3.3895314e38), bf16(3.4e38)]).toEqual([
      256,
      260,
      3.3895313892515355e38,
      Number.POSITIVE_INFINITY,
    ])
  })
})

describe.each(backends)('%s', (name) => {
  const on = <T>(f: () => T): T => {
    const before = findBackend().name
    setBackend(name)
    try {
      return f()
    } finally {
      setBackend(before)
    }
  }
  test('every cast', () => {
    const values = [
      0,
      1,
      -1,
      2.5,
      -2.5,
      100.7,
      130,
      -130,
      300,
      70000,
      3e9,
      -3e9,
      1e20,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]
    for (const from of dtypes)
      for (const to of dtypes) {
        const x = arrayFrom(from, values)
        const got = on(() => nabla.cast(tensorOf(x, from), to).toStored())
        const want = castOracle(x, from, to)
        expect(Array.from(numbersOf(to, got)), `${from} to ${to}`).toEqual(want)
      }
  })
  test('int64 is exact', () => {
    on(() => {
      const a = tensor(BigInt64Array.of(2n ** 60n + 1n, -5n, 2n ** 63n - 1n))
      expect(a.dtype).toBe('int64')
      expect(a.add(1).toTypedArray<BigInt64Array>()).toEqual(
        BigInt64Array.of(2n ** 60n + 2n, -4n, -(2n ** 63n)),
      )
      expect(a.mul(a).toTypedArray<BigInt64Array>()).toEqual(
        BigInt64Array.of(BigInt.asIntN(64, (2n ** 60n + 1n) ** 2n), 25n, 1n),
      )
      expect(
        nabla.floorDivide(a, tensor(BigInt64Array.of(7n, 2n, -3n))).toTypedArray<BigInt64Array>(),
      ).toEqual(BigInt64Array.of((2n ** 60n + 1n) / 7n, -3n, -((2n ** 63n - 1n) / 3n) - 1n))
      expect(a.max().toTypedArray<BigInt64Array>()).toEqual(BigInt64Array.of(2n ** 63n - 1n))
      expect(a.sum().toTypedArray<BigInt64Array>()).toEqual(
        BigInt64Array.of(BigInt.asIntN(64, 2n ** 60n - 5n + 2n ** 63n)),
      )
      expect(() => a.toArray()).toThrow('2^53')
      expect(tensor([1n, 2n]).toArray()).toEqual([1, 2])
      expect(`${a}`).toContain('9223372036854775807')
    })
  })
  test('small integers wrap around', () => {
    on(() => {
      const a = tensor(Int8Array.of(127, -128, 100))
      expect(a.add(a).toTypedArray()).toEqual(Int8Array.of(-2, 0, -56))
      expect(a.add(a).div(2).dtype).toBe('float32')
      expect(compile((x: Tensor) => x.add(x).abs())(a).toTypedArray()).toEqual(
        Int8Array.of(2, 0, 56),
      )
      const b = tensor(Uint8Array.of(250, 3))
      expect(b.dtype).toBe('uint8')
      expect(b.add(10).toTypedArray()).toEqual(Uint8Array.of(4, 13))
      expect(b.neg().toTypedArray()).toEqual(Uint8Array.of(6, 253))
    })
  })
  test('float64 has the digits of double', () => {
    on(() => {
      const x = tensor(Float64Array.of(0.1, 0.2, 0.3))
      expect(x.dtype).toBe('float64')
      expect(x.mul(3).toTypedArray()).toEqual(Float64Array.of(0.1 * 3, 0.2 * 3, 0.3 * 3))
      const y = softmax(x, 0).toTypedArray()
      const e = [0.1, 0.2, 0.3].map(Math.exp)
      const total = e.reduce((a, b) => a + b)
      for (let i = 0; i < 3; i++) expect(y[i]).toBeCloseTo(e[i]! / total, 15)
      const a = nabla.randn([30, 40]).to('float64')
      const b = nabla.randn([40, 50]).to('float64')
      const c = matmul(a, b)
      expect(c.dtype).toBe('float64')
      const [p, q, r] = [a, b, c].map((t) => t.toTypedArray()) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ]
      let sum = 0
      for (let k = 0; k < 40; k++) sum += p[7 * 40 + k]! * q[k * 50 + 3]!
      expect(Math.abs(r[7 * 50 + 3]! - sum)).toBeLessThan(1e-13)
    })
  })
  test('half types compute in float32 and round once', () => {
    on(() => {
      for (const dtype of ['float16', 'bfloat16'] as const) {
        const x = tensor([1, 2, 3.140625, -0.5], { dtype })
        expect(x.dtype).toBe(dtype)
        const y = softmax(x, 0)
        expect(y.dtype).toBe(dtype)
        const v = x.toArray() as number[]
        const e = v.map(Math.exp)
        const total = e.reduce((a, b) => a + b)
        expect(y.toArray()).toEqual(
          Array.from(
            numbersOf(
              dtype,
              arrayFrom(
                dtype,
                e.map((a) => a / total),
              ),
            ),
          ),
        )
        // A thousand ones, which bfloat16 cannot count beyond 256.
        const ones = full([1, 1000], 1, { dtype })
        expect(matmul(ones, ones.reshape([1000, 1])).item()).toBe(1000)
        expect(ones.sum().item()).toBe(1000)
        const w = full([3], 2, { dtype }).requireGrad()
        w.mul(w).sum().backward()
        expect(w.grad!.dtype).toBe(dtype)
        expect(w.grad!.toArray()).toEqual([4, 4, 4])
      }
    })
  })
})

function tensorOf(data: ReturnType<typeof arrayFrom>, dtype: DType): Tensor {
  return fromData(data, [data.length], dtype)
}

/** What a processor makes of a number: as C, with the least integer for what does not fit. */
function castOracle(x: ReturnType<typeof arrayFrom>, from: DType, to: DType): number[] {
  const int32 = (v: number) => {
    const t = Math.trunc(v)
    return t >= -(2 ** 31) && t < 2 ** 31 ? t : -(2 ** 31)
  }
  return Array.from(x as unknown as ArrayLike<number | bigint>, (raw, i) => {
    const v = readNumber(from, x, i)
    const whole = typeof raw === 'bigint' ? raw : undefined
    if (to === 'bool') return v !== 0 ? 1 : 0
    if (isFloat(to)) return readNumber(to, arrayFrom(to, [v]), 0)
    const n =
      whole ??
      (to === 'int64'
        ? BigInt(readNumber('int64', arrayFrom('int64', [v]), 0))
        : BigInt(isFloat(from) ? int32(v) : v))
    if (to === 'int64') return Number(n)
    return to === 'uint8'
      ? Number(BigInt.asUintN(8, n))
      : Number(BigInt.asIntN(to === 'int8' ? 8 : 32, n))
  })
}
