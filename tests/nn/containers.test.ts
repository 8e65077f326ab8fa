import { compile, type Tensor, tensor, ValueError, zeros } from 'nabla'
import * as nn from 'nabla/nn'
import { expect, test } from 'vitest'

test('Sequential: in order, by name, by place', () => {
  const net = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU())
  expect(net.length).toBe(2)
  expect(net.at(-1)).toBeInstanceOf(nn.ReLU)
  expect(Object.keys(net.stateDict())).toEqual(['0.weight', '0.bias'])
  net.push(new nn.Linear(3, 1))
  expect(net.forward(zeros([4, 2])).shape).toEqual([4, 1])
  expect(() => net.at(3)).toThrow(/\[Sequential\] the index must be from -3 to 2; got 3/)
  const named = new nn.Sequential({ fc: new nn.Linear(2, 3), act: new nn.Tanh() })
  expect(Object.keys(named.stateDict())).toEqual(['fc.weight', 'fc.bias'])
  expect(named.layers.length).toBe(2)
  // By its name or number as a property, which may be set.
  expect((named as unknown as { fc: nn.Linear }).fc).toBe(named.at(0))
  ;(net as unknown as nn.Module[])[1] = new nn.Tanh()
  expect(net.at(1)).toBeInstanceOf(nn.Tanh)
  expect(() => new nn.Sequential(5 as never)).toThrow(
    /\[Sequential\] the parts must be modules; got 5/,
  )
  expect(new nn.Sequential().forward(tensor([1])).item()).toBe(1)
})

test('ModuleList keeps order beyond ten and is walked', () => {
  const list = new nn.ModuleList(Array.from({ length: 12 }, (_, i) => new nn.Linear(1, i + 1)))
  expect([...list].map((m) => m.weight.shape[0])).toEqual(
    Array.from({ length: 12 }, (_, i) => i + 1),
  )
  expect(list.at(11).weight.shape).toEqual([12, 1])
  expect(list.parameters().length).toBe(24)
  expect(() => (list as unknown as nn.Linear).forward(tensor([1]))).toThrow(/\[ModuleList\]/)
})

test('ModuleDict by name; every name is free', () => {
  const dict = new nn.ModuleDict<nn.Module>({ a: new nn.Linear(1, 2) })
  dict.set('b', new nn.ReLU())
  expect(dict.keys()).toEqual(['a', 'b'])
  expect(dict.entries().map(([k]) => k)).toEqual(['a', 'b'])
  expect(dict.has('a') && !dict.has('c')).toBe(true)
  expect(Object.keys(dict.stateDict())).toEqual(['a.weight', 'a.bias'])
  expect(() => dict.get('c')).toThrow(/\[ModuleDict\] the modules are a, b; got c/)
  expect(() => dict.get('keys')).toThrow(ValueError)
  for (const name of ['train', 'keys', 'forward', 'constructor', '__proto__'])
    dict.set(name, new nn.Linear(1, 1))
  expect(dict.get('keys')).toBeInstanceOf(nn.Linear)
  expect(dict.eval().get('train').training).toBe(false)
  expect(dict.parameters().length).toBe(12)
  expect(() => dict.set('a.b', new nn.ReLU())).toThrow(/without dots/)
  expect(() => dict.set('f', 5 as never)).toThrow(/the parts must be modules; got 5/)
  expect(dict.delete('a') && !dict.has('a')).toBe(true)
})

test('torchvision names of a residual block', () => {
  const block = new nn.BasicBlock(2, 4, { stride: 2 })
  expect(Object.keys(block.stateDict())).toEqual([
    'conv1.weight',
    'bn1.weight',
    'bn1.bias',
    'bn1.running_mean',
    'bn1.running_var',
    'bn1.num_batches_tracked',
    'conv2.weight',
    'bn2.weight',
    'bn2.bias',
    'bn2.running_mean',
    'bn2.running_var',
    'bn2.num_batches_tracked',
    'downsample.0.weight',
    'downsample.1.weight',
    'downsample.1.bias',
    'downsample.1.running_mean',
    'downsample.1.running_var',
    'downsample.1.num_batches_tracked',
  ])
})

test('what layers refuse when they are made', () => {
  expect(() => new nn.Conv2d(3, 4, 3, { groups: 2 })).toThrow(
    /\[Conv2d\] the groups must divide the channels; got 3 and 4 channels, 2 groups/,
  )
  expect(() => new nn.Conv2d(3, 4, 0)).toThrow(/kernelSize must be a whole number from 1 up/)
  expect(() => new nn.Conv1d(3, 4, 3, { paddingMode: 'mirror' as never })).toThrow(/paddingMode/)
  expect(() => new nn.GroupNorm(3, 4)).toThrow(
    /\[GroupNorm\] 3 groups must divide the channels; got 4/,
  )
  expect(() => new nn.Embedding(4, 2, { paddingIdx: 4 })).toThrow(/paddingIdx must be from -4 to 3/)
  expect(() => new nn.ZeroPad2d([1, 2])).toThrow(/\[ZeroPad2d\] padding is one width, or 4/)
})

test('an embedding starts with zeros at its padding index', () => {
  const rows = new nn.Embedding(4, 3, { paddingIdx: -2 }).weight.toArray() as number[][]
  expect(rows[2]).toEqual([0, 0, 0])
  expect(rows.filter((r) => r.every((v) => v === 0)).length).toBe(1)
})

test('the places of layers are found in proportion to their number', () => {
  // How often somebody goes through the fields of a module.
  const shared = nn.Module.prototype as unknown as Record<symbol, () => Iterable<unknown>>
  const fields = Object.getOwnPropertySymbols(shared).find((s) => s.description === 'nabla.fields')!
  const own = shared[fields]!
  let looks = 0
  const looked = (layers: number) => {
    const net = new nn.Sequential(...Array.from({ length: layers }, () => new nn.Linear(1, 1)))
    looks = 0
    compile((x: Tensor) => net.forward(x))(zeros([1, 1]))
    return looks
  }
  shared[fields] = function (this: unknown) {
    looks++
    return own.call(this)
  }
  try {
    const few = looked(8)
    expect(few).toBeGreaterThan(8)
    expect(looked(64)).toBeLessThan(10 * few)
  } finally {
    shared[fields] = own
  }
})
