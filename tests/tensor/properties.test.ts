/**
 * Random shapes, axes and ranges: broadcasting, slicing, reductions and movement on the fast backends, eager and
 * compiled, against plain loops written here and against the reference backend.
 */
import fc from 'fast-check'
import {
  add,
  amax,
  type BackendName,
  compile,
  concat,
  cumsum,
  expand,
  flip,
  gradients,
  matmul,
  mean,
  mul,
  permute,
  reshape,
  roll,
  setBackend,
  slice,
  sum,
  type Tensor,
  tensor,
  where,
} from 'nabla'
import { beforeAll, describe, expect, test } from 'vitest'
import { broadcastShapes, sizeOf, stridesOf } from '../../src/core/shape.js'

const RUNS = { numRuns: 60, seed: 20240229 }

/** Values that tell their place, so that a mix-up shows. */
const counted = (shape: readonly number[], from = 1): Tensor =>
  tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 37) % 101) / 8 + from),
    {
      shape,
    },
  )
const numbers = (t: Tensor) => [...t.toTypedArray()]

/** Every coordinate of a shape in row-major order. */
function coordinates(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (list, n) => list.flatMap((at) => Array.from({ length: n }, (_, i) => [...at, i])),
    [[]],
  )
}
/** The element of a tensor that stands at a coordinate of a shape that it broadcasts to. */
function at(t: Tensor, place: readonly number[]): number {
  const strides = stridesOf(t.shape)
  const skip = place.length - t.rank
  return t.toTypedArray()[
    t.shape.reduce((s, n, a) => s + (n === 1 ? 0 : place[a + skip]!) * strides[a]!, 0)
  ]!
}

const extent = fc.integer({ min: 0, max: 5 })
const shapes = (min = 0, max = 4) => fc.array(extent, { minLength: min, maxLength: max })
/** Two shapes that broadcast: some axes of a common one set to 1, leading ones left out. */
const broadcasting = fc
  .record({
    common: shapes(),
    ones: fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 4, maxLength: 4 }),
    cut: fc.tuple(fc.nat(4), fc.nat(4)),
  })
  .map(({ common, ones, cut }) =>
    [0, 1].map((k) =>
      common.map((n, a) => (ones[a]![k] ? 1 : n)).slice(Math.min(cut[k]!, common.length)),
    ),
  ) as fc.Arbitrary<[number[], number[]]>
/** A shape and some of its axes, counted from either end. */
const reducing = shapes(1).chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc
      .uniqueArray(fc.nat(shape.length - 1), { minLength: 0, maxLength: shape.length })
      .map((list) => list.map((a, i) => (i % 2 === 0 ? a : a - shape.length))),
    keepdim: fc.boolean(),
  }),
)

/** The same from eager and compiled runs, on the backend and on the reference. */
function everywhere(
  backend: BackendName,
  make: () => Tensor[],
  f: (...inputs: Tensor[]) => Tensor,
  tolerance = 1e-5,
): Tensor {
  setBackend('reference')
  const want = numbers(f(...make()))
  setBackend(backend)
  const inputs = make()
  const eager = f(...inputs)
  for (const got of [eager, compile(f)(...inputs)]) {
    expect(got.size).toBe(want.length)
    numbers(got).forEach((v, i) => {
      if (!(Math.abs(v - want[i]!) <= tolerance * Math.max(1, Math.abs(want[i]!))))
        expect.fail(`element ${i} is ${v}, the reference gives ${want[i]}`)
    })
  }
  return eager
}

describe.each<BackendName>(['native', 'wasm'])('on %s', (backend) => {
  beforeAll(() => setBackend(backend))

  test('broadcasting: each element comes from its own places', () => {
    fc.assert(
      fc.property(broadcasting, ([a, b]) => {
        const y = everywhere(
          backend,
          () => [counted(a), counted(b, 3)],
          (x, z) => add(mul(x, 2), z),
        )
        expect(y.shape).toEqual(broadcastShapes('test', a, b))
        const [x, z] = [counted(a), counted(b, 3)]
        coordinates(y.shape).forEach((place, i) => {
          expect(numbers(y)[i]).toBeCloseTo(2 * at(x, place) + at(z, place), 4)
        })
      }),
      RUNS,
    )
  })

  test('broadcasting: gradients have the shape of their inputs and add up', () => {
    fc.assert(
      fc.property(broadcasting, ([a, b]) => {
        const [x, z] = [counted(a), counted(b, 3)]
        x.requiresGrad = z.requiresGrad = true
        const y = mul(x, z)
        const [gx, gz] = gradients(sum(y), [x, z]) as [Tensor, Tensor]
        expect(gx.shape).toEqual(a)
        expect(gz.shape).toEqual(b)
        const total = (t: Tensor) => numbers(t).reduce((s, v) => s + v, 0)
        // Σ x·gx = Σ z·gz = Σ y, the function being linear in each.
        expect(total(mul(x, gx))).toBeCloseTo(total(y), 0)
        expect(total(mul(z, gz))).toBeCloseTo(total(y), 0)
      }),
      RUNS,
    )
  })

  test('where broadcasts three ways', () => {
    fc.assert(
      fc.property(broadcasting, ([a, b]) => {
        everywhere(
          backend,
          () => [counted(a), counted(b, 3)],
          (x, z) => where(x.gt(6), z, x),
        )
      }),
      RUNS,
    )
  })

  test('slices: Python ranges with steps of both signs', () => {
    const range = fc.tuple(
      fc.option(fc.integer({ min: -7, max: 7 })),
      fc.option(fc.integer({ min: -7, max: 7 })),
      fc.integer({ min: -3, max: 3 }).filter((s) => s !== 0),
    )
    fc.assert(
      fc.property(
        shapes(1, 3),
        fc.array(range, { minLength: 3, maxLength: 3 }),
        (shape, ranges) => {
          const parts = shape.map((_, a) => ranges[a]!)
          const y = everywhere(
            backend,
            () => [counted(shape)],
            (x) => slice(x, parts),
          )
          // Python's own rule, by counting.
          const places = shape.map((n, a) => {
            const [start, end, step] = parts[a]!
            const clip = (v: number, lo: number, hi: number) => Math.min(hi, Math.max(lo, v))
            const wrap = (v: number) => (v < 0 ? v + n : v)
            const [lo, hi] = step > 0 ? [0, n] : [-1, n - 1]
            const from = start === null ? (step > 0 ? lo : hi) : clip(wrap(start), lo, hi)
            const to = end === null ? (step > 0 ? hi : lo) : clip(wrap(end), lo, hi)
            const list: number[] = []
            for (let i = from; step > 0 ? i < to : i > to; i += step) list.push(i)
            return list
          })
          expect(y.shape).toEqual(places.map((p) => p.length))
          const x = counted(shape)
          expect(numbers(y)).toEqual(
            coordinates(y.shape).map((place) =>
              at(
                x,
                place.map((i, a) => places[a]![i]!),
              ),
            ),
          )
        },
      ),
      RUNS,
    )
  })

  test('sums, means and maxima over any axes', () => {
    fc.assert(
      fc.property(reducing, ({ shape, axes, keepdim }) => {
        // An empty list names all axes, as in PyTorch.
        const own =
          axes.length === 0
            ? shape.map((_, a) => a)
            : axes.map((a) => (a + shape.length) % shape.length)
        const kept = shape.flatMap((n, a) => (own.includes(a) ? (keepdim ? [1] : []) : [n]))
        const y = everywhere(
          backend,
          () => [counted(shape)],
          (x) => sum(x, axes, { keepdim }),
        )
        expect(y.shape).toEqual(kept)
        const x = counted(shape)
        const want = new Map<string, number>()
        for (const place of coordinates(shape)) {
          const key = place.filter((_, a) => !own.includes(a)).join()
          want.set(key, (want.get(key) ?? 0) + at(x, place))
        }
        if (y.size > 0 && sizeOf(shape) > 0)
          numbers(y).forEach((v, i) => {
            expect(v).toBeCloseTo([...want.values()][i]!, 2)
          })
        if (sizeOf(shape) === 0) return
        for (const reduce of [mean, amax])
          everywhere(
            backend,
            () => [counted(shape)],
            (t) => reduce(t, axes, { keepdim }),
          )
      }),
      RUNS,
    )
  })

  test('permuted, flipped, expanded and reshaped tensors compute as their copies do', () => {
    fc.assert(
      fc.property(
        shapes(2, 4).chain((shape) =>
          fc.record({
            shape: fc.constant(shape),
            order: fc.shuffledSubarray(
              shape.map((_, a) => a),
              { minLength: shape.length },
            ),
            axis: fc.nat(shape.length - 1),
            shift: fc.integer({ min: -4, max: 4 }),
          }),
        ),
        ({ shape, order, axis, shift }) => {
          const y = everywhere(
            backend,
            () => [counted(shape)],
            (x) => {
              const moved = permute(flip(roll(x, shift, axis), [axis]), order)
              const wide = expand(reshape(moved, [1, ...moved.shape]), [2, ...moved.shape])
              return mul(concat([wide, wide], 1), 3)
            },
          )
          const turned = order.map((a) => shape[a]!)
          expect(y.shape).toEqual([2, 2 * turned[0]!, ...turned.slice(1)])
        },
      ),
      RUNS,
    )
  })

  test('running sums along any axis', () => {
    fc.assert(
      fc.property(shapes(1, 3), fc.nat(2), (shape, axis) => {
        everywhere(
          backend,
          () => [counted(shape)],
          (x) => cumsum(x, axis % shape.length),
        )
      }),
      RUNS,
    )
  })

  test('matrix products of any shape, transposed or not, batches broadcast', () => {
    const dims = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 0, max: 20 })))
    fc.assert(
      fc.property(dims, fc.boolean(), fc.boolean(), broadcasting, (mnk, ta, tb, [ba, bb]) => {
        const [m, n, k] = mnk as [number, number, number]
        const [la, lb] = [ba.slice(-2), bb.slice(-2)]
        everywhere(
          backend,
          () => [
            counted([...la, ...(ta ? [k, m] : [m, k])]),
            counted([...lb, ...(tb ? [n, k] : [k, n])], 2),
          ],
          (a, b) => matmul(ta ? a.transpose(-1, -2) : a, tb ? b.transpose(-1, -2) : b),
        )
      }),
      RUNS,
    )
  })
})
