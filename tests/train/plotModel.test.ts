import { type Tensor, maxPool2d, relu } from 'nabla'
import { ResNet } from 'nabla/models'
import * as nn from 'nabla/nn'
import { svgToPng } from 'nabla/plot'
import { modelGraph, plotModel } from 'nabla/train'
import { expect, test } from 'vitest'

class Net extends nn.Module {
  conv = new nn.Conv2d(1, 4, { kernelSize: 3, padding: 1 })
  skip = new nn.Conv2d(4, 4, { kernelSize: 1 })
  fc = new nn.Linear(4 * 4 * 4, 10)
  override forward(x: Tensor): Tensor {
    const h = maxPool2d(relu(this.conv.forward(x)), 2)
    return this.fc.forward(this.skip.forward(h).add(h).flatten(1))
  }
}

test('layers, the operations between them, and what takes whose result', () => {
  const nodes = modelGraph(new Net(), [[2, 1, 8, 8]])
  const names = nodes.map((n) => n.name)
  expect(names).toEqual([
    'input',
    'conv',
    'relu',
    'maxPool',
    'skip',
    'add',
    expect.any(String),
    'fc',
    'output',
  ])
  expect(nodes.map((n) => n.shape)).toEqual([
    '[2, 1, 8, 8]',
    '[2, 4, 8, 8]',
    '[2, 4, 8, 8]',
    '[2, 4, 4, 4]',
    '[2, 4, 4, 4]',
    '[2, 4, 4, 4]',
    '[2, 64]',
    '[2, 10]',
    '[2, 10]',
  ])
  expect(nodes[5]!.from).toEqual([4, 3])
  expect(nodes.map((n) => n.parameters)).toEqual([0, 40, 0, 0, 20, 0, 0, 650, 0])
  expect(nodes[1]!.type).toBe('Conv2d')
})

test('as SVG and PNG', async () => {
  const svg = plotModel(new Net(), [[1, 1, 8, 8]], { title: 'a <net>' })
  expect(svg).toMatch(/^<svg/)
  for (const words of [
    'conv: Conv2d',
    '[1, 4, 8, 8]',
    '650 parameters',
    'maxPool',
    'a &lt;net&gt;',
  ])
    expect(svg).toContain(words)
  expect(svg).not.toContain('NaN')
  const png = await svgToPng(svg, { scale: 1 })
  expect([...png.subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47])
})

test('lists of layers, several inputs, frozen weights, parts as one box', () => {
  const list = new nn.Sequential(
    new nn.Linear(2, 3),
    new nn.Dropout(0.5),
    new nn.ReLU(),
    new nn.Linear(3, 1),
  )
  list.requireGrad(false)
  expect(modelGraph(list, [[4, 2]]).map((n) => n.from)).toEqual([[], [0], [1], [2], [3], [4]])
  class Two extends nn.Module {
    a = new nn.Linear(2, 3)
    b = new nn.Linear(5, 3)
    override forward(x: Tensor, y: Tensor): Tensor[] {
      return [this.a.forward(x).add(this.b.forward(y)), y]
    }
  }
  const two = modelGraph(new Two(), [
    [1, 2],
    [1, 5],
  ])
  expect(two.map((n) => n.name)).toEqual(['input 1', 'input 2', 'a', 'b', 'add', 'output'])
  expect(two.at(-1)!.from).toEqual([4, 1])
  const net = new ResNet({ width: 8, blocks: [1, 1] })
  const parts = modelGraph(net, [[1, 1, 28, 28]], 1)
  expect(parts.length).toBeLessThan(modelGraph(net, [[1, 1, 28, 28]]).length)
  expect(() => plotModel(net, [[1, 1, 28, 28]], { deep: 1 } as object)).toThrow('deep')
  expect(() => plotModel(net, [[1, 1, 28, 28]], { depth: -1 })).toThrow('depth')
})
