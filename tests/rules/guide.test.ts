/** The code of the guides works as it stands there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile, gradCheck, setBackend, type Tensor, tensor } from 'nabla'
import type { mlp } from 'nabla/models'
import { afterAll, expect, test } from 'vitest'
import { registry } from '../../src/ops/define.js'
import { maker } from '../laws/make.js'
import { root, src } from './sources.js'

const folder = mkdtempSync(join(tmpdir(), 'nabla-guide-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The first TypeScript of a guide as a module, its imports seen from a folder of src/. */
async function codeOf<T>(guide: string, room: string): Promise<T> {
  const text = readFileSync(join(root, 'docs', guide), 'utf8')
  const code = /```ts\n([\s\S]*?)```/.exec(text)![1]!
  const file = join(folder, guide.replace('.md', '.ts'))
  const absolute = (_: string, path: string) => `'${join(src, room, path)}.ts'`
  writeFileSync(file, code.replace(/'(\.{1,2}\/[\w/]+)\.js'/g, absolute))
  return (await import(file)) as T
}

test('add-an-op: the operation gives its example, its gradient, and compiles', async () => {
  const { sinc } = await codeOf<{ sinc: (x: Tensor) => Tensor }>('add-an-op.md', 'ops')
  setBackend('reference')
  const { spec } = registry.get('sinc')!
  const [args, want] = spec.example!(maker(1))
  ;(sinc(args[0] as Tensor).toArray() as number[]).forEach((v, i) => {
    expect(v).toBeCloseTo((want as number[])[i]!, 6)
  })
  const x = maker(2, 'float64').float([2, 3])
  expect(gradCheck((t: Tensor) => sinc(t), [x])).toBe(true)
  setBackend('native')
  const y = tensor([[0, 1, -2]])
  expect(compile((t: Tensor) => sinc(t))(y).toArray()).toEqual(sinc(y).toArray())
})

test('add-a-layer: the layer has its shape, its parameter and its gradient', async () => {
  type Made = { Scale: new (features: number) => ReturnType<typeof mlp> }
  const { Scale } = await codeOf<Made>('add-a-layer.md', 'nn')
  setBackend('reference')
  const layer = new Scale(3)
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ])
  const y = layer.forward(x)
  expect(y.toArray()).toEqual(x.toArray())
  expect(layer.parameterCount()).toBe(3)
  expect(`${layer}`).toBe('Scale(3)')
  y.sum().backward()
  expect(layer.parameters()[0]!.grad!.toArray()).toEqual([5, 7, 9])
})
