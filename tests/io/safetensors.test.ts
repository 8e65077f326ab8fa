import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { FileError, setBackend, type Tensor, tensor } from 'nabla'
import { loadTensors, parseSafetensors, saveTensors, serializeSafetensors } from 'nabla/io'
import { Linear } from 'nabla/nn'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
afterAll(() => rmSync(folder, { recursive: true }))
const some = () => ({
  a: tensor([
    [1, 2.5],
    [-3, 4],
  ]),
  b: tensor([true, false, true]),
  c: tensor(Int32Array.of(7, -8)),
})

/** A file of a header as it is written, or an object, and so many bytes of data. */
function fileOf(header: string | object, data: number | Uint8Array = 0): Uint8Array {
  const text = new TextEncoder().encode(
    typeof header === 'string' ? header : JSON.stringify(header),
  )
  const body = typeof data === 'number' ? new Uint8Array(data) : data
  const out = new Uint8Array(8 + text.length + body.length)
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true)
  out.set(text, 8)
  out.set(body, 8 + text.length)
  return out
}
const entry = (dtype: string, shape: number[], from: number, to: number) => ({
  dtype,
  shape,
  data_offsets: [from, to],
})

describe('what was saved comes back', () => {
  test('in a file, with metadata', () => {
    const path = join(folder, 'x.safetensors')
    saveTensors(path, some(), { who: 'test' })
    const { tensors, metadata } = loadTensors(path)
    expect(metadata).toEqual({ who: 'test' })
    expect(Object.keys(tensors)).toEqual(['a', 'b', 'c'])
    for (const [name, t] of Object.entries(some())) {
      expect(tensors[name]!.dtype).toBe(t.dtype)
      expect(tensors[name]!.toArray()).toEqual(t.toArray())
    }
  })

  test('the bytes of a Buffer at any place are read like any others', () => {
    const bytes = serializeSafetensors(some())
    const shifted = Buffer.concat([Buffer.of(1, 2, 3), bytes]).subarray(3)
    expect(parseSafetensors(shifted).tensors.a!.toArray()).toEqual([
      [1, 2.5],
      [-3, 4],
    ])
  })

  test('float64 with all its bits, on every backend', () => {
    setBackend('reference')
    const values = Float64Array.of(0.1, 1 / 3, 1e300, -0, Number.NaN, 2 ** -1074)
    const bytes = serializeSafetensors({ x: tensor(values, { dtype: 'float64' }) })
    for (const name of ['reference', 'native', 'wasm'] as const) {
      setBackend(name)
      const { x } = parseSafetensors(bytes).tensors
      expect(x!.dtype).toBe('float64')
      expect(new Uint8Array((x!.toTypedArray() as Float64Array).buffer)).toEqual(
        new Uint8Array(values.buffer),
      )
      // And a model takes them.
      const layer = new Linear(2, 1, { bias: false })
      const weight = fileOf(
        { weight: entry('F64', [1, 2], 0, 16) },
        new Uint8Array(Float64Array.of(0.1, 2).buffer),
      )
      layer.loadStateDict(parseSafetensors(weight).tensors)
      expect(layer.weight.toArray()).toEqual([[Math.fround(0.1), 2]])
    }
  })

  test('whatever the names are', () => {
    setBackend('native')
    const names = ['__proto__', 'constructor', 'toString', '', 'a"\\\n', 'ünïcode 猫', '1']
    const tensors = Object.fromEntries(names.map((n, i) => [n, tensor([i])]))
    const back = parseSafetensors(
      serializeSafetensors(tensors, Object.fromEntries([['__proto__', 'x']])),
    )
    expect(Object.keys(back.tensors).sort()).toEqual([...names].sort())
    expect(Object.getPrototypeOf(back.tensors)).toBe(Object.prototype)
    expect(Object.entries(back.metadata)).toEqual([['__proto__', 'x']])
    for (const [i, n] of names.entries())
      expect(Object.getOwnPropertyDescriptor(back.tensors, n)!.value.toArray()).toEqual([i])
    expect(({} as { dtype?: string }).dtype).toBeUndefined()
    // Metadata come first even so.
    expect(
      new TextDecoder().decode(
        serializeSafetensors({ 1: tensor([1]) }, { a: 'b' }).subarray(8, 32),
      ),
    ).toMatch(/^{"__metadata__":/)
    expect(() => serializeSafetensors({ __metadata__: tensor([1]) })).toThrow(
      'other than __metadata__',
    )
    expect(() => serializeSafetensors({ '\ud800': tensor([1]) })).toThrow(
      'the name of a tensor must be text',
    )
    expect(() => serializeSafetensors({}, { a: 1 } as never)).toThrow(
      '__metadata__ must be a map of strings; got 1 at "a"',
    )
    expect(() => serializeSafetensors({ a: [1] } as never)).toThrow('"a" must be a tensor')
  })

  test('elements are aligned', () => {
    const bytes = serializeSafetensors({
      b: tensor([true]),
      f: tensor([1, 2]),
      i: tensor(Int32Array.of(3)),
    })
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))
    expect(Object.keys(header)).toEqual(['b', 'f', 'i'])
    for (const [name, size] of [
      ['f', 4],
      ['i', 4],
    ] as const)
      expect((8 + length + header[name].data_offsets[0]) % size).toBe(0)
  })
})

describe('the types of the format', () => {
  const read = (dtype: string, count: number, data: Uint8Array): Tensor =>
    parseSafetensors(fileOf({ x: entry(dtype, [count], 0, data.length) }, data)).tensors.x!
  const bytes = (a: { buffer: ArrayBufferLike }) => new Uint8Array(a.buffer)

  test.each([
    [
      'F16',
      bytes(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00)),
      'float16',
      [1, -2, 2 ** -24, 65504, Infinity],
    ],
    ['BF16', bytes(Uint16Array.of(0x3f80, 0xc000, 0x7f80)), 'bfloat16', [1, -2, Infinity]],
    ['I64', bytes(BigInt64Array.of(-(2n ** 50n), 7n)), 'int64', [-(2 ** 50), 7]],
    ['U64', bytes(BigUint64Array.of(0n, 2147483647n)), 'int64', [0, 2147483647]],
    ['U32', bytes(Uint32Array.of(7, 4294967295)), 'int64', [7, 4294967295]],
    ['U16', bytes(Uint16Array.of(65535, 1)), 'int32', [65535, 1]],
    ['I16', bytes(Int16Array.of(-32768, 1)), 'int32', [-32768, 1]],
    ['U8', Uint8Array.of(0, 128, 255), 'uint8', [0, 128, 255]],
    ['I8', bytes(Int8Array.of(-128, 127)), 'int8', [-128, 127]],
    ['BOOL', Uint8Array.of(0, 1), 'bool', [false, true]],
  ] as const)('%s', (dtype, data, want, values) => {
    const t = read(dtype, values.length, data)
    expect([t.dtype, t.toArray()]).toEqual([want, values])
  })

  test.each([
    ['U64', bytes(BigUint64Array.of(2n ** 63n)), 'got 9223372036854775808 at 0'],
  ] as const)('%s that int64 does not hold is refused by name', (dtype, data, message) => {
    const count = data.length / 8
    expect(() => read(dtype, count, data)).toThrow(
      'tensor "x": whole numbers must lie below 2^63, since they become int64',
    )
    expect(() => read(dtype, count, data)).toThrow(message)
  })

  test('others are told apart from those that do not exist', () => {
    for (const dtype of ['C64', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F6_E2M3', 'F6_E3M2', 'F4'])
      expect(() => read(dtype, 1, Uint8Array.of(1))).toThrow(
        `F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL; got ${dtype}, which nabla does not read`,
      )
    for (const dtype of ['f32', 'toString', '__proto__'])
      expect(() => read(dtype, 1, new Uint8Array(4))).toThrow('which is no type of the format')
  })
})

describe('what the reference reader refuses', () => {
  const f = (n: number, from: number) => entry('F32', [n], from, from + 4 * n)
  test.each([
    [
      'a hole',
      { a: f(1, 0), b: f(1, 8) },
      12,
      'tensors must lie one after the other; got 4 bytes before "b"',
    ],
    ['a hole at the start', { a: f(1, 4) }, 8, '4 bytes before "a"'],
    ['bytes after the end', { a: f(1, 0) }, 5, 'the tensors must fill the data; got 1 bytes after'],
    ['data without a tensor', {}, 4, 'got 4 bytes after the last one'],
    [
      'too little data',
      { a: f(2, 0) },
      7,
      'its data must lie within the 7 bytes of data; got [0,8]',
    ],
    ['overlap', { a: f(2, 0), b: f(2, 4) }, 12, 'tensors must not overlap; got "a" and "b"'],
    ['the same place twice', { a: f(1, 0), b: f(1, 0) }, 4, 'must not overlap'],
    ['nothing within a tensor', { a: f(2, 0), b: entry('F32', [0], 4, 4) }, 8, 'must not overlap'],
    ['ends before beginnings', { a: entry('F32', [1], 4, 0) }, 4, 'must lie within'],
    [
      'too large a shape',
      { a: entry('F32', [2 ** 30, 2 ** 30], 0, 4) },
      4,
      'its size must be below 2^53 bytes',
    ],
    ['another size', { a: entry('F32', [2], 0, 4) }, 4, 'shape [2] of F32 needs 8 bytes; got 4'],
    ['a fraction', { a: entry('F32', [0.5, 2], 0, 4) }, 4, 'must be whole'],
    ['a negative', { a: entry('F32', [-1, -1], 0, 4) }, 4, 'must be whole'],
    [
      'no shape',
      { a: { dtype: 'F32', data_offsets: [0, 4] } },
      4,
      'the shape must be whole numbers',
    ],
    ['no offsets', { a: { dtype: 'F32', shape: [1] } }, 4, 'must lie within'],
    [
      'three offsets',
      { a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 4] } },
      4,
      'must lie within',
    ],
    ['no object', { a: 1 }, 0, 'an entry must be an object'],
    ['a list', [], 0, 'the header must be an object'],
    [
      'metadata of numbers',
      { __metadata__: { a: 1 } },
      0,
      '__metadata__ must be a map of strings; got 1 at "a"',
    ],
    [
      'metadata in a list',
      { __metadata__: ['a'] },
      0,
      '__metadata__ must be a map of strings; got ["a"]',
    ],
    ['metadata in metadata', { __metadata__: { a: { b: 'c' } } }, 0, 'map of strings'],
    ['metadata as text', { __metadata__: 'a' }, 0, 'map of strings'],
    [
      'a name twice',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      4,
      'no name may come twice; got "a"',
    ],
    [
      'a name twice, spelt otherwise',
      '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
      0,
      'no name may come twice; got "a"',
    ],
    [
      'a field twice',
      '{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}',
      4,
      'got "dtype"',
    ],
    ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', 0, 'got "__metadata__"'],
    [
      '1.0 for 1',
      '{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}',
      4,
      'whole and not negative; got 1.0',
    ],
    ['1e0 for 1', '{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}', 4, 'got 1e0'],
    ['-0 for 0', '{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}', 0, 'got -0'],
    ['no JSON', '{"a":}', 0, 'the header must be JSON'],
    ['more after the header', '{} {}', 0, 'the header must be JSON'],
    ['a byte order mark', '\uFEFF{}', 0, 'the header must be JSON'],
    ['an empty header', '', 0, 'the header must be JSON'],
    [
      'lists in lists in lists',
      `{"a":{"dtype":"F32","shape":${'['.repeat(1e6)}${']'.repeat(1e6)},"data_offsets":[0,0]}}`,
      0,
      'the header must not be nested deeply; got more than 127 levels',
    ],
    [
      'a long shape in a short message',
      { a: { dtype: 'F32', shape: new Array(1e5).fill('x') } },
      0,
      'got ["x","x","x"',
    ],
  ] as const)('%s', (_, header, data, message) => {
    expect(() => parseSafetensors(fileOf(header as object | string, data))).toThrow(message)
    expect(() => parseSafetensors(fileOf(header as object | string, data))).toThrow(FileError)
  })

  test('headers of a length that cannot be', () => {
    expect(() => parseSafetensors(new Uint8Array(7))).toThrow('got 7 bytes')
    const long = new Uint8Array(8 + 100_000_001)
    new DataView(long.buffer).setBigUint64(0, 100_000_001n, true)
    expect(() => parseSafetensors(long)).toThrow('at most 100,000,000 bytes; got 100000001')
    new DataView(long.buffer).setBigUint64(0, 2n ** 64n - 1n, true)
    expect(() => parseSafetensors(long)).toThrow('at most 100,000,000 bytes')
    const short = fileOf('{}')
    short[0] = 3
    expect(() => parseSafetensors(short)).toThrow('a header of 3 bytes in a file of 10')
    expect(() => parseSafetensors(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff))).toThrow(
      'text in UTF-8',
    )
  })
})

describe('what the reference reader accepts', () => {
  test.each([
    ['nothing', '{}', 0, {}],
    ['padding with every space of JSON', '{}\r \t\n', 0, {}],
    ['no metadata', { __metadata__: null }, 0, {}],
    [
      'fields that nobody knows',
      '{"a":{"dtype":"BOOL","shape":[],"data_offsets":[0,1],"x":[1.5,{"y":1}]}}'.replace(
        '1.5',
        '2',
      ),
      1,
      { a: [] },
    ],
    [
      'tensors of no elements, in any order',
      {
        z: entry('F32', [2], 0, 8),
        a: entry('F32', [0], 0, 0),
        b: entry('F32', [3, 0], 8, 8),
        c: entry('I64', [0], 8, 8),
      },
      8,
      { z: [2], a: [0], b: [3, 0], c: [0] },
    ],
    [
      'tensors in another order than their data',
      { b: entry('F32', [1], 4, 8), a: entry('F32', [1], 0, 4) },
      8,
      { b: [1], a: [1] },
    ],
    [
      'data at odd places',
      { a: entry('BOOL', [1], 0, 1), b: entry('F32', [1], 1, 5) },
      5,
      { a: [1], b: [1] },
    ],
  ] as const)('%s', (_, header, data, want) => {
    const { tensors } = parseSafetensors(fileOf(header as object | string, data))
    expect(Object.fromEntries(Object.entries(tensors).map(([k, t]) => [k, t.shape]))).toEqual(want)
  })
})

describe('any bytes', () => {
  const rules = { F32: 4, I32: 4, BOOL: 1, F64: 8, U8: 1, BF16: 2 } as const
  type Kind = keyof typeof rules

  test('layouts are accepted when the tensors fill the data, each with its own bytes', () => {
    const part = fc.record({
      kind: fc.constantFrom(...(Object.keys(rules) as Kind[])),
      shape: fc.array(fc.nat(3), { maxLength: 3 }),
      // Mostly none: bytes left free before it, and bytes that it has too many.
      gap: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, -1, 4),
      more: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1),
    })
    let accepted = 0
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 5 }),
        fc.constantFrom(0, 0, 0, 1),
        fc.nat(),
        (parts, after, turn) => {
          let at = 0
          let right = true
          const entries = parts.map(({ kind, shape, gap, more }, i) => {
            const from = Math.max(0, at + gap)
            const size = shape.reduce((n, d) => n * d, rules[kind])
            at = from + size + more
            right &&= more === 0
            return [`t${i}`, { dtype: kind, shape, data_offsets: [from, at] }, from, at] as const
          })
          // Independently of the reader: every byte belongs to one tensor, and no empty one lies inside of another.
          const end = Math.max(0, ...entries.map((e) => e[3])) + after
          const owners = new Uint8Array(end)
          for (const [, , from, to] of entries) for (let k = from; k < to; k++) owners[k]!++
          right &&= owners.every((n) => n === 1)
          for (const [, , from, to] of entries)
            if (from === to) right &&= !entries.some(([, , f, t]) => f < from && from < t)
          const turned = entries
            .slice(turn % (parts.length + 1))
            .concat(entries.slice(0, turn % (parts.length + 1)))
          const file = fileOf(Object.fromEntries(turned.map(([n, e]) => [n, e])), end)
          let got = true
          try {
            parseSafetensors(file)
          } catch (error) {
            expect(error).toBeInstanceOf(FileError)
            got = false
          }
          expect(got).toBe(right)
          if (right) accepted++
        },
      ),
      { numRuns: 1500 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  test('changed bytes are read or refused, with an error of ours', () => {
    const whole = serializeSafetensors(some(), { a: 'b' })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.nat(whole.length),
        fc.boolean(),
        (changes, cut, cuts) => {
          const bytes = whole.slice(0, cuts ? cut : undefined)
          for (const [at, v] of changes) if (at < bytes.length) bytes[at] = v
          try {
            parseSafetensors(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(FileError)
          }
        },
      ),
      { numRuns: 1500 },
    )
    for (let n = 0; n < whole.length; n++)
      expect(() => parseSafetensors(whole.subarray(0, n))).toThrow(FileError)
  })
})
