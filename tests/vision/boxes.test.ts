/** Boxes and assignments against torchvision, scipy and scikit-learn; see tests/golden/topics/boxes.py. */
import { gradients, tensor, zeros, type Tensor } from 'nabla'
import { Dice, MeanIoU } from 'nabla/train'
import * as vision from 'nabla/vision'
import { describe, expect, test } from 'vitest'
import { expectClose, golden, revive } from '../golden/fixture.js'
import { random } from '../laws/make.js'

type Op = (...args: unknown[]) => Tensor
const cases = golden('boxes')

describe("torchvision's numbers", () => {
  const named = cases.filter((c) => 'op' in c)
  test.each(named.map((c) => [c.name, c] as const))('%s', (_, raw) => {
    const { op, args = [], inputs, out, ct, grads } = revive(raw) as Record<string, never>
    const f = (vision as unknown as Record<string, Op>)[op]!
    const leaves = (inputs as Tensor[]).map((t) => {
      if (t.dtype === 'float32' && grads) t.requiresGrad = true
      return t
    })
    const y = f(...leaves, ...(args as unknown[]))
    expectClose(y, out, 1e-5)
    if (!grads) return
    gradients([y], leaves, [ct]).forEach((g, i) => {
      expectClose(g!, grads[i]!, 1e-5, `gradient ${i}`)
    })
  })
})

describe("scipy's assignments", () => {
  const named = cases.filter((c) => 'cost' in c)
  test.each(named.map((c) => [c.name, c] as const))('%s', (_, raw) => {
    const { cost, maximize, rows, columns } = raw as unknown as Record<string, never>
    const flat = (revive(cost) as Tensor).toArray() as number[][]
    expect(vision.linearSumAssignment(flat, { maximize })).toEqual([rows, columns])
  })
})

test('an assignment costs as little as the best of all permutations', () => {
  const next = random(3)
  const best = (cost: number[][], row = 0, used: number[] = []): number =>
    row === cost.length
      ? 0
      : Math.min(
          ...cost[row]!.map((v, j) =>
            used.includes(j) ? Number.POSITIVE_INFINITY : v + best(cost, row + 1, [...used, j]),
          ),
        )
  for (let k = 0; k < 60; k++) {
    const n = 1 + (k % 5)
    // Whole numbers, so that ties are many; some pairs are forbidden.
    const cost = Array.from({ length: n }, () =>
      Array.from({ length: n + (k % 3) }, () => (next() < 0.15 ? 1 / 0 : Math.floor(4 * next()))),
    )
    const least = best(cost)
    if (least === 1 / 0) {
      expect(() => vision.linearSumAssignment(cost)).toThrow('a complete pairing must be allowed')
      continue
    }
    const [rows, columns] = vision.linearSumAssignment(cost)
    expect(rows).toEqual(cost.map((_, i) => i))
    expect(new Set(columns).size).toBe(n)
    expect(rows.reduce((s, i, p) => s + cost[i]![columns[p]!]!, 0)).toBe(least)
    const turned = cost[0]!.map((_, j) => cost.map((row) => row[j]!))
    const [r, c] = vision.linearSumAssignment(turned)
    expect(r.reduce((s, i, p) => s + turned[i]![c[p]!]!, 0)).toBe(least)
  }
})

describe("scikit-learn's overlap of classes", () => {
  const named = cases.filter((c) => 'truth' in c)
  test.each(named.map((c) => [c.name, c] as const))('%s', (_, raw) => {
    const { classes, truth, found, iou, dice, micro } = revive(raw) as Record<string, never>
    const [n, h, w] = (truth as Tensor).shape as [number, number, number]
    const one = (found as Tensor).toTypedArray()
    const logits = zeros([n, classes, h, w]).toTypedArray() as Float32Array
    one.forEach((c, i) => {
      const image = Math.floor(i / (h * w))
      logits[(image * classes + Number(c)) * h * w + (i % (h * w))] = 3
    })
    const outputs = tensor(logits, { shape: [n, classes, h, w] })
    for (const [metric, want] of [
      [new MeanIoU(), iou],
      [new MeanIoU({ average: 'micro' }), micro],
      [new Dice(), dice],
    ] as const) {
      // Picture by picture, with one between that does not count.
      for (let k = 0; k < n; k++) {
        const part = [outputs.narrow(0, k, 1), (truth as Tensor).narrow(0, k, 1)] as const
        metric.update(...part)
        metric.update(part[0], part[1].mul(0).add(-100).to('int32'))
      }
      expect(metric.compute()).toBeCloseTo(want, 8)
      metric.reset()
      expect(metric.compute()).toBeNaN()
    }
  })
})

describe('bad boxes are refused', () => {
  const { boxIou, nms, boxConvert, linearSumAssignment, batchedNms } = vision
  const good = tensor([[0, 0, 1, 1]])
  test.each([
    ['three numbers', () => boxIou(zeros([2, 3]), good), 'boxes have shape (N, 4)'],
    ['corners exchanged', () => nms([[2, 0, 1, 1]], [1], 0.5), 'x1 ≤ x2'],
    ['NaN', () => nms([[0, 0, Number.NaN, 1]], [1], 0.5), 'finite numbers'],
    ['a score too few', () => nms(good, [], 0.5), 'one of the scores for each box'],
    ['a score NaN', () => nms(good, [Number.NaN], 0.5), 'scores must be numbers'],
    ['a threshold of 2', () => nms(good, [1], 2), 'iouThreshold lies from 0 to 1'],
    ['classes too few', () => batchedNms(good, [1], [], 0.5), 'one of the classes for each box'],
    ['a form', () => boxConvert(good, 'xyhw' as never, 'xyxy'), 'inFmt must be one of'],
    ['rows of other lengths', () => linearSumAssignment([[1, 2], [3]]), 'same length'],
    ['costs NaN', () => linearSumAssignment([[Number.NaN]]), 'costs are numbers'],
  ] as const)('%s', (_, f, message) => {
    expect(f).toThrow(message)
  })
})
