import { compile, normal, ones, type Tensor, tensor, zeros } from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'

describe('functionalCall', () => {
  const model = () => new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3))
  const given = () => ({
    '0.weight': tensor(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      { requiresGrad: true },
    ),
    '1.running_mean': ones([3]),
  })
  const x = normal([4, 2])
  /** The same model with these values loaded. */
  const loaded = (m: nn.Module, values: Record<string, Tensor>) => {
    const other = model()
    other.loadStateDict({ ...m.stateDict(), ...values })
    return other
  }
  test('gives what a model with these values gives, and leaves its own as they are', () => {
    const m = model()
    const [before, values] = [m.parameters().map((p) => p.toArray()), given()]
    const twin = loaded(m, values)
    const out = nn.functionalCall(m, values, x) as Tensor
    expect(
      out
        .sub(twin.forward(x) as Tensor)
        .abs()
        .amax()
        .item(),
    ).toBeLessThan(1e-6)
    expect(m.parameters().map((p) => p.toArray())).toEqual(before)
    expect((m.stateDict()['1.running_mean'] as Tensor).toArray()).toEqual([0, 0, 0])
    // The statistics of training go to the buffer that was given.
    expect(values['1.running_mean'].toArray()).toEqual(
      (twin.stateDict()['1.running_mean'] as Tensor).toArray(),
    )
    out.square().sum().backward()
    expect(values['0.weight'].grad!.shape).toEqual([3, 2])
    expect(m.parameters()[0]!.grad).toBe(null)
    expect(m.parameters()[1]!.grad).not.toBe(null)
  })
  test('in compile, with the tensors as arguments', () => {
    const m = model().eval()
    const f = compile(
      (w: Tensor, v: Tensor) => nn.functionalCall(m, { '0.weight': w }, v) as Tensor,
    )
    for (const w of [zeros([3, 2]), ones([3, 2])])
      expect(
        f(w, x)
          .sub(loaded(m, { '0.weight': w }).eval().forward(x) as Tensor)
          .abs()
          .amax()
          .item(),
      ).toBeLessThan(1e-6)
    expect(f.traces).toBe(1)
  })
  test('a name that is none and a shape that is another are refused', () => {
    expect(() => nn.functionalCall(model(), { weight: ones([1]) }, x)).toThrow(
      /0\.weight.*got weight/s,
    )
    expect(() => nn.functionalCall(model(), { '0.weight': ones([2]) }, x)).toThrow(
      /0\.weight must be \[3, 2\]/,
    )
  })
})
