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
  writeFileSync(
    file,
    code.replace(/'\.\/(\w+)\.js'/g, (_, name) => `'${src}/${room}/${name}.ts'`),
  )
  return (await import(file)) as T
}

test('add-an-op: the operation gives its example, its gradient, and compiles', async () => {
  const { sinc } = await codeOf<{ sinc: (x: Tensor) => Tensor }>('add-an-op.md', 'ops')
  setBackend('reference')
  const { spec } = registry.get('sinc')!
  const [args, want] = spec.example(maker(1))
  ;(sinc(args[0] as Tensor).toArray() as number[]).forEach((v, i) => {
    expect(v).toBeCloseTo((want as number[])[i]!, 6)
  })
  const x = maker(2, 'float64').float([2, 3])
  expect(gradCheck((t: Tensor) => sinc(t), [x])).toBe(true)
  setBackend('native')
  const y = tensor([[0, 1, -2]])
  expect(compile((t: Tensor) => sinc(t))(y).toArray()).toEqual(sinc(y).toArray())
})

test('add-a-layer: the layer has its shape, and learns', async () => {
  type Made = { UnitLinear: new (i: number, o: number) => ReturnType<typeof mlp> }
  const { UnitLinear } = await codeOf<Made>('add-a-layer.md', 'nn')
  setBackend('reference')
  const layer = new UnitLinear(3, 2)
  const y = layer.forward(maker(3).float([4, 3]))
  expect(y.shape).toEqual([4, 2])
  expect(layer.parameterCount()).toBe(6)
  expect(`${layer}`).toContain('UnitLinear(3, 2)')
  y.sum().backward()
  const [weight] = layer.parameters()
  expect(weight!.grad!.shape).toEqual([2, 3])
  // A row of length 1 does not change when it is scaled, so that its gradient is at right angles to it.
  const along = weight!.mul(weight!.grad!).sum(1).toArray() as number[]
  for (const v of along) expect(v).toBeCloseTo(0, 5)
})
