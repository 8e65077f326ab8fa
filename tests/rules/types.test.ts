/** Types that users write, checked by the compiler: this file compiles, and what must not does not. */
import { compile, type NablaError, ones, type Tensor, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <T extends true>(_: T | true = true): void => {}

describe('types', () => {
  test('every class is a type too', () => {
    class Net extends nn.Module {
      act: nn.ReLU = new nn.ReLU()
      soft: nn.Softmax = new nn.Softmax(1)
      gelu: nn.GELU = new nn.GELU('tanh')
      loss: nn.CrossEntropyLoss = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 })
      mse: nn.MSELoss = new nn.MSELoss()
      pool: nn.MaxPool2d = new nn.MaxPool2d(2, 2)
      drop: nn.Dropout = new nn.Dropout(0.5)
      pad: nn.ZeroPad2d = new nn.ZeroPad2d(1)
      override forward(x: Tensor): Tensor {
        return this.gelu.forward(this.soft.forward(this.act.forward(x)))
      }
    }
    expect(new Net().forward(ones([2, 2])).shape).toEqual([2, 2])
    // Every exported class, by its name as a type.
    type Classes = {
      [K in keyof typeof nn]: (typeof nn)[K] extends abstract new (
        ...a: never[]
      ) => unknown
        ? K
        : never
    }[keyof typeof nn]
    holds<Equal<'ReLU' extends Classes ? true : false, true>>()
  })
  test('bias is a Parameter unless it is switched off', () => {
    const a = new nn.Linear(2, 3)
    holds<Equal<typeof a.bias, nn.Parameter>>()
    const b = new nn.Linear(2, 3, { bias: false })
    holds<Equal<typeof b.bias, null>>()
    const c = new nn.Linear(2, 3, false)
    holds<Equal<typeof c.bias, null>>()
    const d = new nn.Conv2d(1, 2, 3, { padding: 1 })
    holds<Equal<typeof d.bias, nn.Parameter>>()
    const e = new nn.Conv2d(1, 2, 3, { bias: false })
    holds<Equal<typeof e.bias, null>>()
    const flag = (Math.random() < 2) as boolean
    const f = new nn.Linear(2, 3, flag)
    holds<Equal<typeof f.bias, nn.Parameter | null>>()
    const g = new nn.BatchNorm2d(3)
    holds<Equal<typeof g.weight, nn.Parameter>>()
    holds<Equal<typeof g.runningMean, Tensor>>()
    const h = new nn.LayerNorm(3, { elementwiseAffine: false })
    holds<Equal<typeof h.weight, null>>()
    expect([a.bias.size, b.bias, c.bias, d.bias.size, e.bias, f.bias?.size, h.weight]).toEqual([
      3,
      null,
      null,
      2,
      null,
      3,
      null,
    ])
  })
  test('toArray without a cast', () => {
    const x = tensor([[1, 2]])
    const rows: number[][] = x.toArray()
    const said = x.toArray<number[][]>()
    const one: number = x.sum().toArray()
    expect([rows, said, one]).toEqual([[[1, 2]], [[1, 2]], 3])
  })
  test('arguments of another kind do not compile', () => {
    const wrong = () => [
      // @ts-expect-error a string is no number of features
      new nn.Linear('2', 3),
      // @ts-expect-error there is no such option
      new nn.Linear(2, 3, { biass: false }),
      // @ts-expect-error PyTorch's spelling
      new nn.LSTM(2, 3, { num_layers: 2 }),
      // @ts-expect-error a kernel is needed
      new nn.Conv2d(1, 2),
      // @ts-expect-error there is no such option
      compile(() => 1, { debugg: true }),
    ]
    expect(wrong).toThrow()
  })
})

describe('names of other frameworks', () => {
  const x = ones([2, 2]) as unknown as Record<string, (...args: unknown[]) => unknown>
  test.each([
    ['view', 'x.reshape(shape)'],
    ['view_as', 'x.reshape(other.shape)'],
    ['numpy', 'x.toTypedArray()'],
    ['mm', 'x.matmul(other)'],
    ['index_select', 'x.indexSelect(..)'],
    ['log_softmax', 'x.logSoftmax(..)'],
    ['add_', 'x.assign(x.add(..))'],
    ['masked_fill_', 'x.assign(x.maskedFill(..))'],
    ['cuda', 'no CUDA'],
    ['arraySync', 'x.toArray()'],
  ])('x.%s', (name, instead) => {
    expect(() => x[name]!(1)).toThrow(`tensors have no method ${name} here. Write `)
    expect(() => x[name]!(1)).toThrow(instead)
  })
  test.each(['Dense', 'Conv2D', 'BatchNormalization', 'MaxPooling2D'] as const)('nn.%s', (name) => {
    const Class = (nn as unknown as Record<string, new (n: number) => unknown>)[name]!
    expect(() => new Class(3)).toThrow(/there is no layer of this name here. Write new /)
  })
  test('a tensor is still no promise and has no other surprises', async () => {
    const t = ones([1])
    expect(await Promise.resolve(t)).toBe(t)
    expect('then' in t).toBe(false)
    expect(JSON.stringify(t)).toBe('[1]')
  })
})

describe("errors put the user's line first", () => {
  const thrown = (f: () => unknown): NablaError => {
    try {
      f()
    } catch (error) {
      return error as NablaError
    }
    throw new Error('nothing was thrown')
  }
  test('in front of those of nabla', () => {
    const error = thrown(() => ones([2, 3]).matmul(ones([2, 3])))
    const lines = error.stack!.split('\n').filter((l) => /^\s+at /.test(l))
    expect(lines[0]).toMatch(/types\.test\.ts/)
    expect(lines.some((l) => l.includes('/src/'))).toBe(true)
  })
  test('with the path of the module in the text that is printed', () => {
    let net = new nn.Sequential(new nn.Linear(2, 3))
    for (let i = 0; i < 6; i++) net = new nn.Sequential(net)
    const error = thrown(() => net.forward(ones([1, 5])))
    expect(error.stack).toMatch(/^ShapeError: Sequential(\.0){7}: \[linear\]/)
    expect(error.stack!.split('\n').find((l) => /^\s+at /.test(l))).toMatch(/types\.test\.ts/)
    expect(error.stack!.startsWith(`${error}`)).toBe(true)
  })
})
