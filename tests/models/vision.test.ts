/** Networks for pictures against torchvision: names and shapes of weights, results and gradients of the same weights. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile, gradients, type Tensor, tensor, zeros } from 'nabla'
import { saveTensors } from 'nabla/io'
import * as models from 'nabla/models'
import type { Module } from 'nabla/nn'
import { describe, expect, test } from 'vitest'
import { expectClose, golden, revive } from '../golden/fixture.js'

type Net = Module & { forward(x: Tensor): Tensor }
const made = (make: string, args: unknown[] = []): Net => {
  const name = make.replace(/_(.)/g, (_, c: string) => c.toUpperCase())
  const { [name]: f } = models as unknown as Record<string, (...args: unknown[]) => Net>
  if (name !== 'UNet') return f!(...args)
  return new (f as unknown as new (...args: unknown[]) => Net)(...args)
}
/** As in tests/golden/topics/vision_models.py. */
function hashed(count: number, k: number, value: (u: number) => number): Float32Array {
  const out = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    let h = Math.imul(i + k * 7919 + 1, 2654435761)
    h ^= h >>> 15
    h = Math.imul(h, 2246822519)
    h ^= h >>> 13
    out[i] = value((h >>> 0) / 2 ** 32)
  }
  return out
}
function fill(model: Net): void {
  const own = Object.entries(model.stateDict()).map(([name, t], k): [string, Tensor] => {
    if (t.dtype !== 'float32') return [name, t]
    const bound = Math.sqrt((6 * (t.shape[0] ?? 1)) / t.size)
    const value =
      t.rank > 1
        ? (v: number) => (2 * v - 1) * bound
        : /(running_var|weight)$/.test(name)
          ? (v: number) => 0.5 + v
          : (v: number) => 0.2 * (v - 0.5)
    return [name, tensor(hashed(t.size, k, value), { shape: t.shape })]
  })
  model.loadStateDict(Object.fromEntries(own))
}
const norm = (t: Tensor) =>
  Math.sqrt((t.toTypedArray() as Float32Array).reduce((s, v) => s + v * v, 0))

const cases = golden('vision_models')

describe('names and shapes of weights, and how many there are', () => {
  const named = cases.filter((c) => 'names' in c)
  test.each(named.map((c) => [c.name, c] as const))(
    '%s',
    (_, raw) => {
      const { make, args, names, count } = raw as unknown as Record<string, never>
      const model = made(make, args)
      const own = Object.entries(model.stateDict()).map(
        ([name, t]) => `${name} ${t.shape.join('x')}`,
      )
      expect(own).toEqual(names)
      expect(model.parameterCount()).toBe(count)
    },
    120_000,
  )
})

describe('results and gradients', () => {
  const runs = cases.filter((c) => 'norms' in c)
  test.each(runs.map((c) => [c.name, c] as const))(
    '%s',
    (_, raw) => {
      const { make, args, train, input, out, norms, error, buffers } = raw as unknown as Record<
        string,
        never
      >
      const model = made(make, args).train(train)
      fill(model)
      const size = (input as number[]).reduce((a, b) => a * b, 1)
      const x = tensor(
        hashed(size, 12345, (u) => 2 * u - 1),
        { shape: input },
      )
      const want = revive(out) as Tensor
      const ct = tensor(
        hashed(want.size, 777, (u) => u - 0.5),
        { shape: want.shape },
      )
      // Of the largest matrices gradients are left out: they have the size of the network.
      const parameters = model.namedParameters().filter(([name]) => name in (norms as object))
      const [y, ...grads] = compile(() => {
        const y = model.forward(x)
        return [
          y,
          ...gradients(
            [y],
            parameters.map(([, p]) => p),
            [ct],
          ),
        ]
      })() as Tensor[]
      const scale = Math.max(...(want.toTypedArray() as Float32Array).map(Math.abs))
      expectClose(y!.div(scale), want.div(scale), 1e-4)
      // An activation near a kink may fall on its other side: PyTorch's own float32 is up to 0.5 % away. In training batch norm takes away what it is given on average: such a
      // gradient is rounding alone.
      const most = Math.max(...Object.values(norms as Record<string, number>))
      parameters.forEach(([name], i) => {
        const [got, wish] = [norm(grads[i]!), norms[name] as number]
        if (Math.abs(got - wish) > Math.max(1e-3, 2 * (error as number)) * wish + 1e-6 * most)
          expect.fail(`gradient of ${name}: norm ${got}, PyTorch has ${wish}`)
      })
      for (const [name, t] of Object.entries(buffers ? model.stateDict() : {}))
        if (name in (buffers as object))
          expect(Math.abs(norm(t) / (buffers[name] as number) - 1)).toBeLessThan(1e-4)
    },
    240_000,
  )
})

describe('weights from files', () => {
  test('a state dict is loaded whole or not at all', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nabla-vision-'))
    try {
      const narrow = { widthMult: 0.25, numClasses: 3 }
      const from = models.mobilenetV3Small(narrow)
      fill(from)
      const path = join(folder, 'model.safetensors')
      saveTensors(path, from.stateDict())
      const to = models.mobilenetV3Small(narrow).eval() as models.MobileNetV3
      expect(models.loadPretrained(to, path).complete).toBe(true)
      const x = zeros([1, 3, 32, 32]).add(0.5)
      expect(to.forward(x).toArray()).toEqual(
        (from.eval() as models.MobileNetV3).forward(x).toArray(),
      )
      expect(() =>
        models.loadPretrained(models.mobilenetV3Small({ ...narrow, numClasses: 4 }), path),
      ).toThrow('classifier.3.weight is [4, 256], the file has [3, 256]')
      const { 'features.0.0.weight': _, ...rest } = from.stateDict()
      expect(() => models.loadPretrained(to, rest)).toThrow(
        'missing in the file: features.0.0.weight',
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
  test('pictures of another shape and options that are not known are refused', () => {
    const net = models.resnet18({ numClasses: 2 })
    expect(() => net.forward(zeros([3, 32, 32]))).toThrow('x.unsqueeze(0)')
    expect(() => net.forward(zeros([1, 1, 32, 32]))).toThrow('(N, 3, H, W)')
    expect(() =>
      new models.UNet(1, 2, { depth: 3, width: 2 }).forward(zeros([1, 1, 7, 32])),
    ).toThrow('at least 8')
    expect(() => new models.UNet(1, 2, true, { width: 3 })).toThrow('width is even')
    expect(() => models.resnet18({ classes: 2 } as never)).toThrow('numClasses')
    expect(() => models.mobilenetV3Large({ widthMult: '1' } as never)).toThrow('widthMult')
  })
})
