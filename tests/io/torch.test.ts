/** Files of PyTorch: those of torch/make.py, written by PyTorch 1.13, and damaged ones. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileError, setBackend, ShapeError, type Tensor, tensor, ValueError } from 'nabla'
import { loadTorch, parseTorch } from 'nabla/io'
import { loadPretrained, loadShards } from 'nabla/models'
import { BatchNorm1d, Linear, Sequential } from 'nabla/nn'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { readZip, writeZip } from '../../src/core/zip.js'

const here = join(import.meta.dirname, 'torch')
const read = (name: string) => new Uint8Array(readFileSync(join(here, name)))
interface Listed {
  dtype: string
  shape: number[]
  values: number[]
}
const expected = JSON.parse(readFileSync(join(here, 'expected.json'), 'utf8')) as Record<
  string,
  Record<string, Listed>
>
const folder = mkdtempSync(join(tmpdir(), 'nabla-torch-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => setBackend('native'))

function expectTensors(got: Record<string, Tensor>, want: Record<string, Listed>): void {
  expect(Object.keys(got)).toEqual(Object.keys(want))
  for (const [name, { dtype, shape, values }] of Object.entries(want)) {
    const t = got[name]!
    expect([t.dtype, t.shape], name).toEqual([dtype === 'int16' ? 'int32' : dtype, shape])
    expect([...t.toTypedArray()].map(Number), name).toEqual(values)
  }
}
const network = () => new Sequential(new Linear(3, 4), new BatchNorm1d(4), new Linear(4, 2))

test.each(['model.pt', 'legacy.pt', 'protocol4.pt'])('a state dict: %s', (name) => {
  const { tensors } = loadTorch(join(here, name))
  expectTensors(tensors, expected.model!)
  const model = network()
  model.loadStateDict(tensors)
  expect(model.stateDict()['0.weight']!.toArray()).toEqual(tensors['0.weight']!.toArray())
  expect(loadPretrained(network(), join(here, name)).loaded).toHaveLength(9)
})

test('a checkpoint has its tree, and the state dict of its model', () => {
  const file = loadTorch(join(here, 'checkpoint.pth'))
  expectTensors(file.tensors, expected.trained!)
  expect(file.stateDict('model_state_dict')).toBe(file.tensors)
  const { model_state_dict, optimizer_state_dict, scheduler, ...rest } = file.value as Record<
    string,
    never
  >
  expect(model_state_dict).toBe(file.tensors)
  expect(rest).toEqual({
    epoch: 7,
    best: 0.25,
    seen: 1234,
    loss: 0.5,
    big: 2n ** 60n,
    done: false,
    note: 'été',
    raw: Uint8Array.of(0, 255),
    none: null,
    history: [1, [2, 3]],
    set: [5],
    dtype: 'torch.float16',
    size: [2, 3],
    device: 'cpu',
  })
  const { state, param_groups: groups } = optimizer_state_dict as {
    state: Record<string, Record<string, Tensor>>
    param_groups: Record<string, unknown>[]
  }
  expect(state[0]!.exp_avg!.shape).toEqual([4, 3])
  expect(groups[0]).toMatchObject({ lr: 0.01, betas: [0.9, 0.999], params: [0, 1, 2, 3, 4, 5] })
  expect(scheduler).toMatchObject({ milestones: { 2: 1, 5: 1 }, last_epoch: 1 })
  expect(file.stateDict('optimizer_state_dict.state.0').exp_avg).toBe(state[0]!.exp_avg)
})

test.each(['views.pt', 'views-legacy.pt'])('views over one storage: %s', (name) => {
  const { tensors } = parseTorch(read(name))
  expectTensors(tensors, expected.views!)
  expect(tensors.again).toBe(tensors.whole)
})

test.each(['native', 'reference'] as const)('types on %s', (backend) => {
  setBackend(backend)
  expectTensors(loadTorch(join(here, 'types.bin')).tensors, expected.types!)
})

test.each(['renamed.pt', 'big-endian.pt'])(
  'another folder, the other order of bytes: %s',
  (name) => {
    expectTensors(parseTorch(read(name)).tensors, expected.kept!)
  },
)

test('several models are told apart by name', () => {
  const file = parseTorch(read('two.pt'))
  expectTensors(file.stateDict('generator'), expected.kept!)
  expect(() => file.tensors).toThrow(
    'the state dict of one model must be in the file, or be named; got generator (tensors by name), discriminator (tensors by name), step (number)',
  )
  expect(() => file.stateDict('step')).toThrow(/step must be a dictionary of tensors/)
  expect(() => file.stateDict('__proto__')).toThrow(FileError)
  const one = parseTorch(read('tensor.pt'))
  expect((one.value as Tensor).shape).toEqual([4, 6])
  expect(() => one.tensors).toThrow(/got one tensor/)
})

test('shards of PyTorch by their index, and a folder', () => {
  for (const [name, from] of [
    ['a.bin', 'renamed.pt'],
    ['pytorch_model.bin', 'model.pt'],
  ] as const)
    writeFileSync(join(folder, name), read(from))
  expect(Object.keys(loadShards(folder))).toEqual(Object.keys(expected.model!))
  writeFileSync(
    join(folder, 'pytorch_model.bin.index.json'),
    JSON.stringify({ weight_map: { w: 'a.bin' } }),
  )
  expectTensors(loadShards(folder), expected.kept!)
})

/** An archive of one pickle, with storage 0 of eight floats. */
const archive = (pickle: Uint8Array | string, data = new Uint8Array(32)) =>
  writeZip(
    [
      [
        'x/data.pkl',
        typeof pickle === 'string' ? Uint8Array.from(pickle, (c) => c.charCodeAt(0)) : pickle,
      ],
      ['x/data/0', data],
    ],
    'test',
  )
const start = '\x80\x02'
const word = (n: number) => String.fromCharCode(n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24)
const text = (s: string) => `X${word(s.length)}${s}`
const storage = (count = 8, key = '0', type = 'FloatStorage') =>
  `(${text('storage')}ctorch\n${type}\n${text(key)}${text('cpu')}J${word(count)}tQ`
const whole = (n: number) =>
  n < 2 ** 31 ? `J${word(n)}` : `\x8a\x08${word(n)}${word(n / 2 ** 32)}`
/** A tensor over storage 0. */
const view = (offset: number, shape: number[], strides: number[], from = storage()) =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${from}${whole(offset)}(${shape.map(whole).join('')}t(${strides.map(whole).join('')}t\x89ccollections\nOrderedDict\n)RtR`

describe('refused', () => {
  test.each([
    [
      'asks-print.pt',
      /\[torch\] a file may ask for nothing but tensors and plain values; got __builtin__\.print\. Save the tensors/,
    ],
    ['asks-print-legacy.pt', /got (builtins|__builtin__)\.print/],
    ['module.pt', /got torch\.nn\.modules\.linear\.Linear/],
    ['complex.pt', /real numbers; got torch\.ComplexFloatStorage/],
    ['script.pt', /TorchScript/],
    ['plain.pkl', /its own number; got a pickle of something else/],
    ['make.py', /begins with PK/],
  ])('%s', (name, message) => {
    expect(() => parseTorch(read(name))).toThrow(message)
    expect(() => parseTorch(read(name))).toThrow(FileError)
  })

  test.each<[string, string, RegExp]>([
    ['a class', 'cos\nsystem\n.', /os\.system/],
    ['a class by protocol 4', `\x8c\x05posix\x8c\x06system\x93.`, /posix\.system/],
    ['a class by INST', '(ios\nsystem\n.', /os\.system/],
    ['a name of objects', 'c__proto__\nconstructor\n.', /__proto__\.constructor/],
    ['a name of the table', 'ctorch\nconstructor\n.', /torch\.constructor/],
    ['a call of no function', `${text('a')})R.`, /only known names may be called/],
    ['a function as value', 'ctorch\nSize\n.', /got torch\.Size/],
    ['a storage as value', `${storage()}.`, /tensors and plain values/],
    ['an offset outside', `${view(8, [1], [1])}.`, /must lie within the 8 elements/],
    [
      'an offset below 0',
      `${view(2 ** 32 - 1, [1], [1])
        .replace('\x8a\x08', '\x8a\x04')
        .replace(word(0), '')}.`,
      /from 0 on/,
    ],
    ['a shape outside', `${view(0, [3, 3], [3, 1])}.`, /must lie within the 8 elements/],
    ['a stride outside', `${view(0, [2, 2], [7, 1])}.`, /must lie within the 8 elements/],
    ['sizes beyond 2^53', `${view(0, [2 ** 30, 2 ** 30, 2 ** 30], [1, 1, 1])}.`, /must lie within/],
    [
      'more than memory by a stride of 0',
      `${view(0, [2 ** 30, 4], [0, 0])}.`,
      /at most 1,073,741,824 bytes/,
    ],
    ['fewer strides', `${view(0, [2, 2], [1])}.`, /a stride for each axis/],
    [
      'a storage that is not there',
      `${view(0, [1], [1], storage(8, '1'))}.`,
      /none in the archive/,
    ],
    [
      'a storage of another folder',
      `${view(0, [1], [1], storage(8, '../data.pkl'))}.`,
      /none in the archive/,
    ],
    [
      'a storage that is too small',
      `${view(0, [1], [1], storage(9))}.`,
      /must have 36 bytes; got 32/,
    ],
    ['an unknown operation', '\xff.', /operation 0xff at byte 2/],
    ['protocol 0', 'I1\n.', /operation 0x49/],
    ['a number of many bytes', `\x8b${word(1e6)}.`, /64 bytes/],
    ['a name twice', `}(${text('1')}NK\x01Nu.`, /1 twice/],
    ['a key that is a list', `}]Ns.`, /names or numbers as keys; got a list/],
    ['an odd dictionary', `}(${text('1')}u.`, /a value for each name/],
    ['an empty stack', '.', /take more/],
    ['beyond a mark', 'N(.', /take more/],
    ['no mark', 'Nt.', /set a mark/],
    ['two values', 'NN.', /one value; got 2/],
    ['no end', 'N', /must be whole/],
    ['a value never kept', 'h\x05.', /before it is used/],
    ['a list within itself', ']q\x00h\x00a.', /not hold itself/],
    ['lists too deep', `${']'.repeat(200)}${'a'.repeat(199)}.`, /100 lists deep/],
    [
      'dates of another numpy type',
      `cnumpy\ndtype\n${text('M8')}\x85R.`,
      /of NumPy must be real; got M8/,
    ],
  ])('%s', (_, body, message) => {
    expect(() => parseTorch(archive(start + body))).toThrow(message)
    expect(() => parseTorch(archive(start + body))).toThrow(FileError)
  })

  test('lists that double stay small, and copies are counted', () => {
    // 60 times a pair of the last one: 2^60 leaves in 60 lists.
    const doubled = `]${'2\x86'.repeat(60)}.`
    expect(parseTorch(archive(start + doubled)).value).toHaveLength(2)
    const many = `(${'N'.repeat(2000)}lq\x000(${'ctorch\nSize\nh\x00\x85R'.repeat(200)}l.`
    expect(() => parseTorch(archive(start + many))).toThrow(/copy more than it has written/)
  })

  test('names of objects are names', () => {
    const file = parseTorch(archive(`${start}}${text('__proto__')}${view(0, [2], [1])}s.`))
    expect(Object.keys(file.tensors)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>).shape).toBe(undefined)
  })

  test('maxBytes bounds the tensors together', () => {
    const both = `(${view(0, [8], [1])}${view(1, [7], [1])}t.`
    expect(parseTorch(archive(start + both), { maxBytes: 1000 }).value).toHaveLength(2)
    const files = readZip(archive(start + both), 'test').reduce((n, [, b]) => n + b.length, 0)
    expect(() => parseTorch(archive(start + both), { maxBytes: files - 1 })).toThrow(
      /an archive of 2/,
    )
    const spread = `(${view(0, [400], [0])}t.`
    expect(() => parseTorch(archive(start + spread), { maxBytes: 1000 })).toThrow(/shape \[400\]/)
    expect(() => parseTorch(read('model.pt'), { maxBytes: 0 })).toThrow(ValueError)
  })
})

test('damaged files give FileErrors', () => {
  let seed = 1
  const random = (n: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % n
  }
  const names = readdirSync(here).filter((n) => /\.(pt|pth|bin)$/.test(n))
  let refused = 0
  for (let i = 0; i < 1200; i++) {
    const original = read(names[i % names.length]!)
    let bytes: Uint8Array = original
    const damage = (b: Uint8Array) => {
      if (i % 3 === 0) return b.slice(0, random(b.length))
      const copy = b.slice()
      for (let k = 0; k <= i % 4; k++) copy[random(copy.length)] = random(256)
      return copy
    }
    // Within archives too, whose checksums would find it first.
    if (i % 2 && original[0] === 0x50)
      bytes = writeZip(
        readZip(original, 'test').map(([n, b]) => [n, n.endsWith('.pkl') ? damage(b) : b] as const),
        'test',
      )
    else bytes = damage(original)
    try {
      parseTorch(bytes, { maxBytes: 2 ** 20 })
    } catch (error) {
      if (!(error instanceof FileError)) throw error
      refused++
    }
  }
  expect(refused).toBeGreaterThan(800)
})

describe('what of a state dict does not match', () => {
  test('names and shapes in one short report, nothing changed', () => {
    const model = new Sequential(new Linear(2, 3), new Linear(3, 1))
    const before = model.stateDict()['0.bias']!.toArray()
    const saved = {
      '0.weight': tensor([[1, 2]]),
      '0.bias': tensor([9, 9, 9]),
      '1.weight': tensor([[1]]),
      extra: tensor([1]),
    }
    expect(() => model.loadStateDict(saved)).toThrow(
      "[Sequential.loadStateDict] the saved names must be those of the model; got missing 1.bias; unexpected extra; 0.weight is [1, 2], the model's is [3, 2], 1.weight is [1, 1], the model's is [1, 3]. Pass { strict: false } to load what fits.",
    )
    expect(() => model.loadStateDict(saved, { strict: false })).toThrow(
      new ShapeError({
        op: 'Sequential.loadStateDict',
        rule: 'the saved shapes must be those of the model',
        got: "0.weight is [1, 2], the model's is [3, 2], 1.weight is [1, 1], the model's is [1, 3]",
      }),
    )
    expect(model.stateDict()['0.bias']!.toArray()).toEqual(before)
    const loose = model.loadStateDict(
      { '0.bias': saved['0.bias'], extra: saved.extra },
      { strict: false },
    )
    expect(loose).toEqual({ missing: ['0.weight', '1.weight', '1.bias'], unexpected: ['extra'] })
    expect(model.stateDict()['0.bias']!.toArray()).toEqual([9, 9, 9])
  })
  test('long lists are cut, wrappers are named, other values refused', () => {
    const deep = new Sequential(...Array.from({ length: 10 }, () => new Linear(1, 1)))
    expect(() => deep.loadStateDict({})).toThrow(/missing 0\.weight, .*3\.bias and 12 more\. Pass/)
    const wrapped = Object.entries(deep.stateDict()).map(([n, t]) => [`module.${n}`, t] as const)
    expect(() => deep.loadStateDict(Object.fromEntries(wrapped))).toThrow(
      "Take 'module.' off the saved names: loadPretrained does, with { rename: (n) => n.slice(7) }.",
    )
    const rename = (n: string) => n.slice(7)
    expect(loadPretrained(deep, Object.fromEntries(wrapped), { rename }).complete).toBe(true)
    const file = loadTorch(join(here, 'model.pt'))
    expect(() => network().loadStateDict(file as never)).toThrow(ValueError)
    expect(() => new Linear(1, 1).loadStateDict({ weight: 1, bias: null } as never)).toThrow(
      /weight must be a tensor; got number/,
    )
  })
})
