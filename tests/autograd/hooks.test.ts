/** Hooks on tensors and modules, eager and compiled, by PyTorch's definitions; the numbers are worked out by hand. */
import { compile, gradients, ones, type Tensor, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'

const leaf = (values: number[]) => tensor(values, { requiresGrad: true })

describe('hooks on tensors', () => {
  test('see the whole gradient, and what they return takes its place', () => {
    const seen: number[][] = []
    const x = leaf([1, 2])
    const y = x.mul(3)
    y.registerHook((g) => {
      seen.push(g.toArray() as number[])
      return g.mul(10)
    })
    const handle = x.registerHook((g) => {
      seen.push(g.toArray() as number[])
    })
    y.square().sum().add(y.sum()).backward()
    expect(seen).toEqual([
      [7, 13],
      [210, 390],
    ])
    expect(x.grad!.toArray()).toEqual([210, 390])
    handle.remove()
    x.mul(2).sum().backward()
    expect(seen.length).toBe(2)
    expect(x.grad!.toArray()).toEqual([212, 392])
  })
  test('of tensors that gradients() asks for; twice registered is called twice', () => {
    const x = leaf([1, 2])
    const y = x.mul(3)
    const double = (g: Tensor) => g.mul(2)
    y.registerHook(double)
    const second = y.registerHook(double)
    expect(gradients(y.sum(), [y, x], [], { retainGraph: true }).map((g) => g!.toArray())).toEqual([
      [4, 4],
      [12, 12],
    ])
    second.remove()
    expect(gradients(y.sum(), [x])[0]!.toArray()).toEqual([6, 6])
  })
  test('in compile: part of the program, which is traced again when a hook comes or goes', () => {
    const x = leaf([1, 2])
    const step = compile(
      () => {
        x.grad = null
        const loss = x.square().sum()
        loss.backward()
        return loss
      },
      { keepGrads: true },
    )
    step()
    expect(x.grad!.toArray()).toEqual([2, 4])
    const handle = x.registerHook((g) => g.mul(5))
    step()
    step()
    expect(x.grad!.toArray()).toEqual([10, 20])
    expect(step.traces).toBe(2)
    handle.remove()
    step()
    expect(x.grad!.toArray()).toEqual([2, 4])
  })
  test('what does not fit is refused', () => {
    expect(() => tensor([1]).registerHook(() => {})).toThrow(/must require a gradient/)
    const x = leaf([1, 2])
    x.registerHook(() => ones([3]))
    expect(() => x.sum().backward()).toThrow(/a gradient of shape \[2\].*shape \[3\]/s)
  })
})

describe('hooks on modules', () => {
  const linear = () => {
    const m = new nn.Linear(2, 1)
    m.weight.assign(tensor([[2, 3]]))
    m.bias!.assign(tensor([1]))
    return m
  }
  test('before and after forward, in order, with replacement and removal', () => {
    const m = linear()
    const calls: string[] = []
    const pre = m.registerForwardPreHook((_, [x]) => {
      calls.push('pre')
      return (x as Tensor).mul(2)
    })
    const post = m.registerForwardHook((module, [x], y) => {
      calls.push(`post ${module === m} ${(x as Tensor).toArray()}`)
      return (y as Tensor).add(100)
    })
    expect(m.forward(tensor([1, 1])).toArray()).toEqual([111])
    expect(calls).toEqual(['pre', 'post true 2,2'])
    pre.remove()
    expect(m.forward(tensor([1, 1])).toArray()).toEqual([106])
    post.remove()
    expect(m.forward(tensor([1, 1])).toArray()).toEqual([6])
  })
  test('backward: gradients of inputs and outputs; a list that is returned replaces the first', () => {
    const m = linear()
    const seen: unknown[] = []
    const handle = m.registerFullBackwardHook((_, gradInput, gradOutput) => {
      seen.push(
        gradInput.map((g) => g?.toArray() ?? null),
        gradOutput.map((g) => g?.toArray() ?? null),
      )
      return [gradInput[0]?.mul(10) ?? null]
    })
    const x = leaf([1, 1])
    m.forward(x).mul(4).sum().backward()
    expect(seen).toEqual([[[8, 12]], [[4]]])
    expect(x.grad!.toArray()).toEqual([80, 120])
    expect(m.weight.grad!.toArray()).toEqual([[4, 4]])
    // An input that wants no gradient.
    m.zeroGrad()
    m.forward(tensor([1, 1]))
      .sum()
      .backward()
    expect(seen.slice(2)).toEqual([[null], [[1]]])
    handle.remove()
    m.forward(x).sum().backward()
    expect(seen.length).toBe(4)
  })
  test('in compile, and a program is made again when one comes or goes', () => {
    const m = linear()
    m.requireGrad(false)
    const x = leaf([1, 1])
    const step = compile(
      () => {
        x.grad = null
        const out = m.forward(x).sum()
        out.backward()
        return out
      },
      { keepGrads: true },
    )
    expect(step().item()).toBe(6)
    const handles = [
      m.registerForwardPreHook((_, [v]) => [(v as Tensor).mul(2)]),
      m.registerForwardHook((_m, _i, y) => (y as Tensor).mul(10)),
      m.registerFullBackwardHook((_, [g]) => [g!.add(1)]),
    ]
    for (let i = 0; i < 2; i++) {
      expect(step().item()).toBe(110)
      expect(x.grad!.toArray()).toEqual([42, 62])
    }
    for (const h of handles) h.remove()
    expect(step().item()).toBe(6)
    expect(x.grad!.toArray()).toEqual([2, 3])
    expect(step.traces).toBe(2)
  })
})
