/** Indices, labels and lengths come in any integer type: PyTorch's are int64, a Uint8Array's uint8. */
import {
  at,
  bincount,
  crossEntropy,
  ctcLoss,
  type DType,
  embedding,
  embeddingBag,
  gather,
  indexPut,
  indexSelect,
  logSoftmax,
  maxUnpool1d,
  multiLabelMarginLoss,
  multiMarginLoss,
  nllLoss,
  oneHot,
  scatterReduce,
  type Tensor,
  take,
  takeAlongDim,
  tensor,
} from 'nabla'
import * as nn from 'nabla/nn'
import { Accuracy, ConfusionMatrix, F1, TopKAccuracy } from 'nabla/train'
import { describe, expect, test } from 'vitest'
import type { Tensors } from '../../src/ops/define.js'
import { maker, tensorsIn } from './make.js'
import { tested } from './table.js'

const types: DType[] = ['int64', 'uint8', 'int8']
const int = (values: number[] | number[][], dtype: DType) => tensor(values, { dtype })
const x = tensor([
  [0.1, 0.9, -0.5],
  [1.5, 0.2, 0.3],
])
const pairs = tensor([
  [1, 2],
  [3, 4],
  [5, 6],
])

/** What takes indices or labels and is no operation of the table. */
const functions: Record<string, (of: (values: number[] | number[][]) => Tensor) => Tensor> = {
  crossEntropy: (of) => crossEntropy(x, of([2, 0]), { labelSmoothing: 0.1 }),
  nllLoss: (of) => nllLoss(logSoftmax(x, 1), of([2, 0])),
  'crossEntropy of an image': (of) =>
    crossEntropy(tensor([[[0.5, 1], [1, 0.1]]]), of([[1, 0]])), // biome-ignore format: (N, C, L)
  multiMarginLoss: (of) => multiMarginLoss(x, of([1, 2])),
  'multiMarginLoss of one': (of) => multiMarginLoss(tensor([1, 2, 3]), of([1])),
  ctcLoss: (of) =>
    ctcLoss(
      logSoftmax(tensor([[[0.1, 0.5, 0.2]], [[0.3, 0.1, 0.4]], [[0, 1, 0]]]), 2), // biome-ignore format: (T, N, C)
      of([[1, 2]]),
      of([3]),
      of([2]),
    ),
  embedding: (of) => embedding(of([[2, 0]]), pairs, { paddingIdx: 0 }),
  embeddingBag: (of) => embeddingBag(of([2, 0, 1]), pairs, { offsets: of([0, 1]) }),
  Embedding: (of) => {
    const layer = new nn.Embedding(3, 2)
    layer.weight.assign(pairs)
    return layer.forward(of([1, 2]))
  },
  CrossEntropyLoss: (of) => new nn.CrossEntropyLoss().forward(x, of([1, 1])),
  take: (of) => take(pairs, of([5, 0])),
  takeAlongDim: (of) => takeAlongDim(pairs, of([[1], [0], [1]]), 1),
  gather: (of) => gather(pairs, 1, of([[1], [0], [1]])),
  scatterReduce: (of) => scatterReduce(tensor([1, 2, 3]), 0, of([0, 0]), tensor([1, 5]), 'amax'),
  at: (of) => at(pairs, of([2, 0]), of([1, 1])),
  indexPut: (of) => indexPut(pairs, [of([2, 0])], 9),
  bincount: (of) => bincount(of([0, 2, 2])),
  oneHot: (of) => oneHot(of([2, 0])),
  maxUnpool1d: (of) => maxUnpool1d(tensor([[[5, 7]]]), of([[3, 1]]).reshape([1, 1, 2]), 2),
}
describe.each(types)('%s', (dtype) => {
  test.each(Object.keys(functions))('%s', (name) => {
    const want = functions[name]!((v) => int(v, 'int32'))
    const got = functions[name]!((v) => int(v, dtype))
    expect(got.toArray()).toEqual(want.toArray())
    expect(got.dtype).toBe(want.dtype)
  })
  test('metrics count the same', () => {
    const labels = [1, 2]
    for (const make of [() => new Accuracy(), () => new F1(), () => new TopKAccuracy(2)]) {
      const [a, b] = [make(), make()]
      a.update(x, int(labels, 'int32'))
      b.update(x, int(labels, dtype))
      expect(b.compute()).toBe(a.compute())
    }
  })
})
test('multiLabelMarginLoss ends its list by a negative label', () => {
  const of = (dtype: DType) => multiLabelMarginLoss(x, int([[2, -1, 0], [0, 1, -1]], dtype)) // biome-ignore format: two rows
  for (const dtype of ['int64', 'int8'] as const)
    expect(of(dtype).toArray()).toEqual(of('int32').toArray())
})
test('an int64 that int32 cannot hold is no other place', () => {
  for (const v of [2 ** 32, 2 ** 32 + 1, -(2 ** 40)]) {
    const index = int([v], 'int64')
    expect(() => embedding(index, pairs).toArray()).toThrow(/must lie/)
    expect(() => crossEntropy(x, int([v, 0], 'int64')).item()).toThrow(/must lie/)
    expect(() => at(pairs, index).toArray()).toThrow(/must lie/)
  }
  expect(indexSelect(pairs, 0, int([1], 'int64')).toArray()).toEqual([[3, 4]])
})
test('floats stay refused, with the way to convert', () => {
  for (const f of [functions.embedding!, functions.take!, functions.at!, functions.ctcLoss!])
    expect(() => f((v) => tensor(v))).toThrow("x.to('int32') converts")
  expect(new ConfusionMatrix(2).add([1], [1]).accuracy()).toBe(1)
})

/** Their int32 is no number of anything: random bits, the generator's state, packed bytes, the dropout of attention; shifts lose bits by the width. */
const raw = /^(random|bits|takeBytes|attention|.*[dD]ropout|bitwise(Left|Right)Shift)/
const withInts = [...tested.keys()].filter((name) => !raw.test(name))
test.each(withInts)('%s takes int64 for int32', (name) => {
  const { call, spec } = tested.get(name)!
  const list = (out: Tensors) => (Array.isArray(out) ? out : [out as Tensor])
  const wide = (v: unknown): unknown =>
    tensorsIn(v)[0] === v
      ? (v as Tensor).dtype === 'int32'
        ? (v as Tensor).to('int64')
        : v
      : Array.isArray(v)
        ? v.map(wide)
        : v
  for (const args of spec.samples(maker(3)) as unknown[][]) {
    if (!tensorsIn(args).some((t) => t.dtype === 'int32')) continue
    let want: Tensor[]
    try {
      want = list(call(...args))
    } catch {
      continue
    }
    const got = list(call(...(args.map(wide) as unknown[])))
    got.forEach((t, i) => {
      const [a, b] = [t, want[i]!].map((v) => [v.toArray()].flat(20).map(Number))
      a!.forEach((v, k) => void expect(v).toBeCloseTo(b![k]!, 4))
    })
  }
})
