import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { FileError, setBackend, type Tensor, tensor } from 'nabla'
import {
  loadNpy,
  loadNpz,
  parseNpy,
  parseNpz,
  saveNpy,
  saveNpz,
  serializeNpy,
  serializeNpz,
} from 'nabla/io'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-npy-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => setBackend('native'))

const some = (): Record<string, Tensor> => ({
  a: tensor([
    [1, 2.5, -3],
    [4, 5, 1e-30],
  ]),
  scalar: tensor(7),
  empty: tensor([], { shape: [0, 3] }),
  ints: tensor(Int32Array.of(1, -2, 2147483647)),
  flags: tensor([true, false]),
  __proto__x: tensor([1]),
})

/** A file as NumPy writes it. */
function npy(
  descr: string,
  shape: string,
  data: Uint8Array,
  { fortran = 'False', version = 1 } = {},
): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`
  const size = version === 1 ? 10 : 12
  const out = new Uint8Array(size + text.length + data.length)
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0])
  if (version === 1) new DataView(out.buffer).setUint16(8, text.length, true)
  else new DataView(out.buffer).setUint32(8, text.length, true)
  out.set(new TextEncoder().encode(text), size)
  out.set(data, size + text.length)
  return out
}
const bytes = (a: { buffer: ArrayBufferLike }) => new Uint8Array(a.buffer)

test('what was saved comes back', () => {
  for (const [name, t] of Object.entries(some())) {
    const back = parseNpy(serializeNpy(t))
    expect([back.dtype, back.shape, back.toArray()], name).toEqual([t.dtype, t.shape, t.toArray()])
  }
  const path = join(folder, 'x.npz')
  saveNpz(path, some())
  const back = loadNpz(path)
  expect(Object.keys(back)).toEqual(Object.keys(some()))
  for (const [name, t] of Object.entries(some())) expect(back[name]!.toArray()).toEqual(t.toArray())
  saveNpy(join(folder, 'x.npy'), some().a!)
  expect(loadNpy(join(folder, 'x.npy')).toArray()).toEqual(some().a!.toArray())
  setBackend('reference')
  const exact = serializeNpy(tensor([0.1, 1 / 3], { dtype: 'float64' }))
  setBackend('native')
  expect([...parseNpy(exact).toTypedArray()]).toEqual([0.1, 1 / 3])
})

test.each([
  ['<f8', bytes(Float64Array.of(0.1, 2)), 'float64', [0.1, 2]],
  ['<f2', bytes(Uint16Array.of(0x3c00, 0xc000)), 'float16', [1, -2]],
  ['>f4', Uint8Array.of(0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0), 'float32', [1, -2]],
  ['>i2', Uint8Array.of(1, 0, 0xff, 0xfe), 'int32', [256, -2]],
  ['<i8', bytes(BigInt64Array.of(-5n, 2147483647n)), 'int64', [-5, 2147483647]],
  ['|u1', Uint8Array.of(0, 255), 'uint8', [0, 255]],
  ['|i1', Uint8Array.of(0, 255), 'int8', [0, -1]],
  ['|b1', Uint8Array.of(0, 1), 'bool', [false, true]],
] as const)('%s', (descr, data, dtype, values) => {
  for (const version of [1, 2, 3]) {
    const t = parseNpy(npy(descr, '(2,)', data, { version }))
    expect([t.dtype, t.toArray()]).toEqual([dtype, values])
  }
})

test('columns first', () => {
  const data = bytes(Float32Array.of(1, 4, 2, 5, 3, 6))
  expect(parseNpy(npy('<f4', '(2, 3)', data, { fortran: 'True' })).toArray()).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ])
})

test.each([
  [npy('<u8', '(1,)', bytes(BigUint64Array.of(2n ** 63n))), 'got 9223372036854775808 at 0'],
  [npy('<f4', '(2,)', new Uint8Array(7)), 'shape [2] of <f4 needs 8 bytes; got 7'],
  [npy('<f4', '(1,)', new Uint8Array(8)), 'needs 4 bytes; got 8'],
  [npy('<f4', '(9007199254740993, 3)', new Uint8Array(4)), 'needs'],
  [
    npy('|O', '(1,)', new Uint8Array(8)),
    'the type must be one of f8, f4, f2, i8, i4, i2, i1, u8, u4, u2, u1, b1; got |O',
  ],
  [npy('<c8', '(1,)', new Uint8Array(8)), 'got <c8'],
  [npy('toString', '(1,)', new Uint8Array(8)), 'got toString'],
  [npy('<f4', "['x']", new Uint8Array(4)), 'the header must say descr'],
  [new TextEncoder().encode('not numpy at all'), 'begins with'],
] as const)('refused %#', (file, message) => {
  expect(() => parseNpy(file)).toThrow(message)
  expect(() => parseNpy(file)).toThrow(FileError)
})

describe('archives', () => {
  const whole = serializeNpz(some())
  test('damage is noticed', () => {
    for (let n = 0; n < whole.length; n += 7)
      expect(() => parseNpz(whole.subarray(0, n))).toThrow(FileError)
    let noticed = 0
    for (let i = 0; i < whole.length; i += 5) {
      const bad = whole.slice()
      bad[i]! ^= 4
      try {
        parseNpz(bad)
      } catch (error) {
        expect(error).toBeInstanceOf(FileError)
        noticed++
      }
    }
    // Dates and versions of the directory have no checksum.
    expect(noticed).toBeGreaterThan(whole.length / 5 / 2)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
        expect(() => parseNpz(junk)).toThrow(FileError)
      }),
    )
    expect(() => parseNpz(whole, { maxBytes: 100 })).toThrow(
      'at most 100 bytes (maxBytes); got an archive of 6 files',
    )
    expect(() => parseNpz(whole, { maxbyte: 1 } as object)).toThrow('Did you mean maxBytes?')
  })
})

const python = '/usr/bin/python3'
const required = process.env.NABLA_TEST_REQUIRE_ALL === '1'
const hasNumpy = () => {
  try {
    execFileSync(python, ['-c', 'import numpy'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
test.skipIf(!required && !(existsSync(python) && hasNumpy()))(
  'NumPy reads what is written, and the other way round',
  () => {
    writeFileSync(join(folder, 'ours.npz'), serializeNpz(some()))
    const script = `
import numpy as np, json, sys
a = np.load('ours.npz')
print(json.dumps({k: [str(v.dtype), v.tolist()] for k, v in a.items()}))
r = np.arange(24).reshape(2, 3, 4)
both = dict(f8=r / 7, f4=(r / 7).astype('f4'), big=(r / 8).astype('>f4'), i8=r, u1=r.astype('u1'), b=r % 2 == 0,
  t=np.asfortranarray(r.astype('f4')), s=np.float32(3), e=np.zeros((0, 2), 'f4'))
np.savez('stored.npz', **both)
np.savez_compressed('packed.npz', **both)
`
    const got = JSON.parse(execFileSync(python, ['-c', script], { cwd: folder, encoding: 'utf8' }))
    for (const [name, t] of Object.entries(some()))
      expect(got[name]).toEqual([t.dtype, t.toArray()])
    const want = Array.from({ length: 24 }, (_, i) => i)
    for (const file of ['stored.npz', 'packed.npz']) {
      expect(loadNpz(join(folder, file)).i8!.dtype).toBe('int64')
      const { f8, f4, big, i8, u1, b, t, s, e } = loadNpz(join(folder, file)) as Record<
        string,
        Tensor
      >
      expect([...f8!.toTypedArray()]).toEqual(want.map((v) => v / 7))
      expect([...f4!.toTypedArray()]).toEqual(want.map((v) => Math.fround(v / 7)))
      expect([...big!.toTypedArray()]).toEqual(want.map((v) => v / 8))
      for (const whole of [i8, u1, t])
        expect([whole!.flatten().toArray() as number[], whole!.shape]).toEqual([want, [2, 3, 4]])
      expect([...b!.toTypedArray()]).toEqual(want.map((v) => (v + 1) % 2))
      expect([s!.item(), s!.shape, e!.shape]).toEqual([3, [], [0, 2]])
    }
    expect(readFileSync(join(folder, 'ours.npz')).length).toBeGreaterThan(0)
  },
)
