import * as nabla from 'nabla'
import {
  compile,
  DTypeError,
  gradCheck,
  gradients,
  IndexError,
  type NablaError,
  ShapeError,
  type Tensor,
  tensor,
  ValueError,
} from 'nabla'
import { describe, expect, test } from 'vitest'
import * as losses from '../../src/ops/loss/index.js'
import type { SampleMaker } from '../../src/ops/define.js'
import { maker } from './make.js'

interface Entry {
  /** Tensors first, then the rest without the options; several configurations. */
  samples: (m: SampleMaker) => { args: unknown[]; options?: object }[]
  /** Arguments that must be refused, with the kind of error. */
  bad: (m: SampleMaker) => [args: unknown[], kind: new (...a: never[]) => NablaError][]
  /** false: no reduction option. */
  reduces?: false
  /** What `mean` divides the sum by, when it is not the number of terms. */
  weighted?: true
}

const labels = (...values: number[]) => tensor(values, { dtype: 'int32' })
const pairs: Pick<Entry, 'samples' | 'bad'> = {
  samples: (m) => [
    { args: [m.float([3, 2]), m.float([3, 2])] },
    { args: [m.float([]), m.float([])] },
  ],
  bad: (m) => [
    [[m.float([3, 2]), m.float([3])], ShapeError],
    [[m.int([3], 0, 2), m.float([3])], DTypeError],
  ],
}
const signed = (options: object = {}): Pick<Entry, 'samples' | 'bad'> => ({
  samples: (m) => [{ args: [m.float([4]), m.of([1, -1, 1, -1])], options }],
  bad: (m) => [[[m.float([4]), m.float([3])], ShapeError]],
})
const classes: Pick<Entry, 'samples' | 'bad' | 'weighted'> = {
  weighted: true,
  samples: (m) => [
    { args: [m.float([3, 4]), labels(1, 3, 0)] },
    { args: [m.float([3, 4]), labels(1, 2, 0)], options: { ignoreIndex: 2 } },
    { args: [m.float([3, 4]), labels(1, 3, 0)], options: { weight: m.float([4], 0.5, 2) } },
    { args: [m.float([2, 4, 3]), m.int([2, 3], 0, 4)] },
    { args: [m.float([4]), tensor(2, { dtype: 'int32' })] },
  ],
  bad: (m) => [
    [[m.float([3, 4]), labels(1, 4, 0)], IndexError],
    [[m.float([3, 4]), labels(1, -1, 0)], IndexError],
    [[m.float([3, 4]), labels(1, 2)], ShapeError],
    [[m.float([3, 4]), m.bool([3])], DTypeError],
    [[m.float([]), labels(1)], ShapeError],
    [[m.float([3, 4]), labels(1, 2, 0), { weight: m.float([3]) }], ShapeError],
  ],
}
const triplets: Pick<Entry, 'samples' | 'bad'> = {
  samples: (m) => [
    { args: [m.float([3, 4]), m.float([3, 4]), m.float([3, 4])] },
    { args: [m.float([3, 4]), m.float([3, 4]), m.float([3, 4])], options: { swap: true } },
  ],
  bad: (m) => [[[m.float([3, 4]), m.float([3, 4]), m.float([2, 4])], ShapeError]],
}
const penalty = (args: number[]): Entry => ({
  reduces: false,
  samples: (m) => [{ args: [[m.float([3, 2]), m.float([2])], ...args] }],
  bad: () => [[[[], ...args], ValueError]],
})
const distance: Entry = {
  reduces: false,
  samples: (m) => [{ args: [m.float([3, 4]), m.float([3, 4])] }],
  bad: (m) => [[[m.float([3, 4]), m.float([3, 3])], ShapeError]],
}

const table: Record<string, Entry> = {
  crossEntropy: {
    ...classes,
    samples: (m) => [
      ...classes.samples(m),
      { args: [m.float([3, 4]), labels(1, 3, 0)], options: { labelSmoothing: 0.2 } },
      { args: [m.float([3, 4]), m.float([3, 4], 0.1, 0.9)] },
    ],
    bad: (m) => [...classes.bad(m), [[m.float([3, 4]), m.float([3])], ShapeError]],
  },
  nllLoss: classes,
  binaryCrossEntropy: {
    ...pairs,
    samples: (m) => [
      { args: [m.float([3, 2], 0.1, 0.9), m.float([3, 2], 0.1, 0.9)] },
      {
        args: [m.float([3, 2], 0.1, 0.9), m.float([3, 2], 0.1, 0.9)],
        options: { weight: m.float([2]) },
      },
    ],
  },
  binaryCrossEntropyWithLogits: {
    samples: (m) => [
      { args: [m.float([3, 2]), m.float([3, 2], 0.1, 0.9)] },
      { args: [m.float([3, 2]), m.float([3, 2], 0.1, 0.9)], options: { posWeight: m.float([2]) } },
    ],
    bad: (m) => [
      ...pairs.bad(m),
      [[m.float([3, 2]), m.float([3, 2]), { posWeight: m.float([3]) }], ShapeError],
    ],
  },
  mseLoss: pairs,
  quadraticLoss: pairs,
  l1Loss: pairs,
  smoothL1Loss: pairs,
  huberLoss: pairs,
  klDiv: {
    samples: (m) => [
      { args: [m.float([3, 2]), m.float([3, 2], 0.1, 0.9)] },
      { args: [m.float([3, 2]), m.float([3, 2])], options: { logTarget: true } },
    ],
    bad: (m) => [[[m.float([3, 2]), m.float([3])], ShapeError]],
  },
  poissonNLLLoss: {
    samples: (m) => [
      { args: [m.float([3, 2]), m.float([3, 2], 1.1, 3)], options: { full: true } },
      { args: [m.float([3], 0.1, 2), m.float([3], 1.1, 3)], options: { logInput: false } },
    ],
    bad: pairs.bad,
  },
  gaussianNLLLoss: {
    samples: (m) => [
      {
        args: [m.float([3, 2]), m.float([3, 2]), m.float([3, 2], 0.5, 2)],
        options: { full: true },
      },
      { args: [m.float([3, 2]), m.float([3, 2]), m.float([3], 0.5, 2)] },
    ],
    bad: (m) => [[[m.float([3, 2]), m.float([3, 2]), m.float([2])], ShapeError]],
  },
  hingeLoss: signed(),
  hingeEmbeddingLoss: signed({ margin: 1.1 }),
  softMarginLoss: signed(),
  marginRankingLoss: {
    samples: (m) => [{ args: [m.float([4]), m.float([4]), m.of([1, -1, 1, -1])] }],
    bad: (m) => [[[m.float([4]), m.float([3]), m.float([4])], ShapeError]],
  },
  multiMarginLoss: {
    samples: (m) => [
      { args: [m.float([3, 4]), labels(1, 3, 0)] },
      { args: [m.float([3, 4]), labels(1, 3, 0)], options: { p: 2, weight: m.float([4], 0.5, 2) } },
    ],
    bad: (m) => [
      [[m.float([3, 4]), labels(1, 4, 0)], IndexError],
      [[m.float([3, 4]), labels(1, 2)], ShapeError],
      [[m.float([2, 3, 4]), labels(1, 2)], ShapeError],
      [[m.float([3, 4]), labels(1, 2, 0), { p: 3 }], ValueError],
    ],
  },
  multiLabelMarginLoss: {
    samples: (m) => [{ args: [m.float([2, 3]), labels(2, 0, -1, 1, -1, 0).reshape([2, 3])] }],
    bad: (m) => [
      [[m.float([2, 3]), labels(2, 0, -1, 3, -1, 0).reshape([2, 3])], IndexError],
      [[m.float([2, 3]), labels(2, 0)], ShapeError],
    ],
  },
  multiLabelSoftMarginLoss: {
    samples: (m) => [
      { args: [m.float([3, 4]), m.float([3, 4], 0, 1)], options: { weight: m.float([4], 0.5, 2) } },
    ],
    bad: pairs.bad,
  },
  cosineEmbeddingLoss: {
    samples: (m) => [
      { args: [m.float([3, 4]), m.float([3, 4]), m.of([1, -1, 1])], options: { margin: -0.9 } },
    ],
    bad: (m) => [
      [[m.float([3, 4]), m.float([3, 4]), m.of([1, -1])], ShapeError],
      [[m.float([3, 4]), m.float([4, 3]), m.of([1, -1, 1])], ShapeError],
    ],
  },
  tripletMarginLoss: triplets,
  tripletMarginWithDistanceLoss: triplets,
  ctcLoss: {
    weighted: true,
    samples: (m) => [
      { args: [m.float([4, 2, 3]), labels(1, 2, 2, 2).reshape([2, 2]), [4, 3], [2, 2]] },
      {
        args: [m.float([4, 2, 3]), labels(1, 2, 2, -7).reshape([2, 2]), labels(4, 3), labels(2, 1)],
      },
      { args: [m.float([4, 3]), labels(1, 2), [4], [2]] },
    ],
    bad: (m) => [
      [[m.float([4, 2, 3]), labels(1, 2, 3, 2).reshape([2, 2]), [4, 3], [2, 2]], IndexError],
      [[m.float([4, 2, 3]), labels(1, 2, 2, 2).reshape([2, 2]), [6, 4], [2, 2]], ValueError],
      [[m.float([4, 2, 3]), labels(1, 2, 2, 2).reshape([2, 2]), [5], [2, 2]], ValueError],
      [[m.float([4, 2, 3]), labels(1, 2).reshape([1, 2]), [4, 3], [2, 2]], ShapeError],
      [[m.float([4, 2, 3]), labels(1, 2, 3), [4, 3], [2, 2]], ShapeError],
      [[m.float([4, 2, 3]), m.float([2, 2]), [4, 3], [2, 2]], DTypeError],
      [[m.float([5, 1, 4]), labels(1).reshape([1, 1]), [5], [1], { blank: 4 }], ValueError],
    ],
  },
  pairwiseDistance: distance,
  cosineSimilarity: distance,
  l1Penalty: penalty([0.3]),
  l2Penalty: penalty([0.3]),
  elasticNetPenalty: penalty([0.3, 0.4]),
}

const functions = Object.keys(losses).map(
  (name) => [name, (nabla as never)[name]] as [string, (...args: unknown[]) => Tensor],
)
const numbers = (t: Tensor) => [...(t.toTypedArray() as Iterable<number>)]
const isTensor = (v: unknown): v is Tensor => typeof v === 'object' && v !== null && 'gradNode' in v
/** The call as a function of its float tensors. */
function split(call: (...args: unknown[]) => Tensor, args: unknown[], options?: object) {
  const flat = args.flatMap((a) => (Array.isArray(a) && isTensor(a[0]) ? a : [a]))
  const tensors = flat.filter(isTensor)
  const float = tensors.filter((t) => t.dtype.startsWith('float'))
  const f = (...now: Tensor[]) => {
    const give = (a: unknown): unknown =>
      Array.isArray(a) && isTensor(a[0])
        ? a.map(give)
        : float.includes(a as Tensor)
          ? now[float.indexOf(a as Tensor)]
          : isTensor(a)
            ? a.to(now[0]!.backend.name)
            : a
    const moved = Object.entries(options ?? {}).map(([k, v]) => [
      k,
      isTensor(v) ? v.to(now[0]!.backend.name).to(now[0]!.dtype) : v,
    ])
    return call(...args.map(give), ...(options ? [Object.fromEntries(moved)] : []))
  }
  return { f, float }
}

test('every exported loss has an entry', () => {
  expect(Object.keys(table).sort()).toEqual(functions.map(([name]) => name).sort())
})

describe.each(functions)('%s', (name, call) => {
  const entry = table[name]!
  test('its gradient is that of differences', () => {
    for (const { args, options } of entry.samples(maker(3))) {
      const { f, float } = split(call, args, options)
      gradCheck(f, float)
    }
  })

  test('compiled gives what eager gives, with gradients', () => {
    for (const { args, options } of entry.samples(maker(4))) {
      const all = options ? [...args, options] : args
      const leaves = args.flat().filter((a): a is Tensor => isTensor(a) && a.dtype === 'float32')
      for (const t of leaves) t.requiresGrad = true
      const run = () => {
        const y = call(...all)
        return [y, ...gradients(y.sum(), leaves)]
      }
      const eager = run()
      compile(run)().forEach((t, i) => {
        // Labels that are only compared have no gradient.
        const want = eager[i] && numbers(eager[i])
        expect(t === null).toBe(want === null)
        if (t)
          numbers(t).forEach((v, j) => {
            expect(v).toBeCloseTo(want![j]!, 5)
          })
      })
    }
  })

  if (entry.reduces !== false)
    test('reductions are those of its terms', () => {
      for (const { args, options } of entry.samples(maker(5))) {
        const by = (reduction?: string) =>
          call(...args, { ...options, ...(reduction && { reduction }) })
        const terms = numbers(by('none'))
        const total = terms.reduce((a, b) => a + b, 0)
        expect(by('sum').item()).toBeCloseTo(total, 4)
        expect(by('mean').shape).toEqual([])
        if (!entry.weighted) expect(by('mean').item()).toBeCloseTo(total / terms.length, 5)
        expect(by().item()).toBe(by('mean').item())
        expect(() => by('middle')).toThrow(ValueError)
        expect(() => by('middle')).toThrow(
          /reduction must be 'mean', 'sum'(, | or )'none'.*; got 'middle'/,
        )
      }
    })

  test('what does not fit is refused with the name of the operation', () => {
    for (const [args, kind] of entry.bad(maker(6))) {
      expect(() => call(...args), `${args}`).toThrow(kind)
      expect(() => call(...args)).toThrow(/^\[\w+\] /)
    }
  })
})

test('cross-entropy has gradients of every order, with labels, weights and label smoothing', () => {
  const weights = [0.5, 2, 1, 0.7]
  for (const options of [
    {},
    { ignoreIndex: 2 },
    { weight: true },
    { labelSmoothing: 0.2 },
    { labelSmoothing: 0.2, ignoreIndex: 2, weight: true },
  ]) {
    const { weight, ...rest } = options as { weight?: boolean }
    const loss = (x: Tensor, w: Tensor) =>
      nabla.crossEntropy(x, labels(1, 2, 0).to(x.backend.name), {
        ...rest,
        weight: weight ? w : null,
      })
    const leaves = () => {
      const x = maker(7, 'float64').float([3, 4])
      const w = tensor(weights, { dtype: 'float64' })
      return [x, w] as [Tensor, Tensor]
    }
    const [x, w] = leaves()
    gradCheck((x: Tensor, w: Tensor) => loss(x, w), weight ? [x, w] : [x, w])
    const slope = (x: Tensor, w: Tensor) => {
      const [g] = gradients(loss(x, w), [x], [], { createGraph: true })
      return g!.mul(g!.sin()).sum()
    }
    gradCheck(slope, leaves())
    const bend = (x: Tensor, w: Tensor) => {
      const [g] = gradients(slope(x, w), [x], [], { createGraph: true })
      return g!.mul(g!.sin()).sum()
    }
    gradCheck(bend, leaves())
  }
})
