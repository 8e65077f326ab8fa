/** WAV in and out: round trips, the forms of the header, files that are cut off or wrong. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manualSeed, rand, type Tensor, tensor } from 'nabla'
import { fromWav, readWav, toWav, wavInfo, writeWav } from 'nabla/audio'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-wav-'))
afterAll(() => rmSync(folder, { recursive: true }))
const values = (t: Tensor) => [...(t.toTypedArray() as Float32Array)]

const ascii = (s: string) => [...s].map((c) => c.charCodeAt(0))
const le = (v: number, n: number) =>
  Array.from({ length: n }, (_, i) => Math.floor(v / 256 ** i) % 256)
const be = (v: number, n: number) => le(v, n).reverse()
const chunk = (name: string, body: number[], size = body.length) => [
  ...ascii(name),
  ...le(size, 4),
  ...body,
  ...(body.length % 2 ? [0] : []),
]
const fmt = (code: number, channels: number, rate: number, bits: number, more: number[] = []) => {
  const block = channels * Math.ceil(bits / 8)
  return chunk('fmt ', [
    ...le(code, 2),
    ...le(channels, 2),
    ...le(rate, 4),
    ...le(rate * block, 4),
    ...le(block, 2),
    ...le(bits, 2),
    ...more,
  ])
}
const riff = (...chunks: number[][]) => {
  const body = [...ascii('WAVE'), ...chunks.flat()]
  return Uint8Array.from([...ascii('RIFF'), ...le(body.length, 4), ...body])
}

describe('what is written is read again', () => {
  const kinds = [8, 16, 24, 32].map((bits) => ['pcm', bits] as const)
  const forms = [...kinds, ['float', 32] as const, ['float', 64] as const]
  test.each(forms)('%s, %i bits', (encoding, bitsPerSample) => {
    manualSeed(1)
    for (const channels of [1, 2, 3, 5])
      for (const frames of [0, 1, 7, 100]) {
        const raw = rand([channels, frames], { dtype: 'float64' }).mul(2).sub(1)
        const scale = 2 ** (bitsPerSample - 1)
        const x = encoding === 'pcm' ? raw.mul(scale).floor().div(scale) : raw
        const exact =
          encoding === 'float' && bitsPerSample === 32 ? x.to('float32').to('float64') : x
        const bytes = toWav(exact, 44100, { encoding, bitsPerSample })
        const got = fromWav(bytes, { dtype: 'float64' })
        expect(got).toMatchObject({ sampleRate: 44100, channels, frames, encoding, bitsPerSample })
        expect(got.waveform.shape).toEqual([channels, frames])
        expect(values(got.waveform)).toEqual(values(exact))
        expect(toWav(got.waveform, 44100, { encoding, bitsPerSample })).toEqual(bytes)
        expect(bytes.length % 2).toBe(0)
      }
  })

  test('any 16-bit samples come back bit by bit', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -32768, max: 32767 })), (list) => {
        const bytes = riff(
          fmt(1, 1, 8000, 16),
          chunk(
            'data',
            list.flatMap((v) => le((v + 65536) % 65536, 2)),
          ),
        )
        const x = fromWav(bytes).waveform
        expect(values(x).map((v) => v * 32768 + 0)).toEqual(list)
        expect(toWav(x, 8000)).toEqual(bytes)
      }),
      { numRuns: 50 },
    )
  })

  test('too loud is limited, halves go to the even number', () => {
    const x = tensor([2, -2, 1, -1, 0.5 / 32768, 1.5 / 32768, -0.5 / 32768])
    const got = values(fromWav(toWav(x, 8000)).waveform).map((v) => v * 32768 + 0)
    expect(got).toEqual([32767, -32768, 32767, -32768, 0, 2, 0])
  })

  test('a file', () => {
    const path = join(folder, 'a.wav')
    writeWav(path, tensor([0, 0.5]), 16000)
    expect(readWav(path)).toMatchObject({ sampleRate: 16000, frames: 2 })
  })
})

describe('forms of the header', () => {
  const data = chunk('data', [...le(16384, 2), ...le(65536 - 8192, 2)])
  const one = [0.5, -0.25]
  const extensible = (code: number) => [
    ...le(22, 2),
    ...le(16, 2),
    ...le(4, 4),
    ...le(code, 2),
    ...[0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71],
  ]
  test.each([
    [
      'chunks of odd length before and after',
      riff(
        chunk('LIST', [1, 2, 3]),
        fmt(1, 1, 8000, 16),
        chunk('junk', [9]),
        data,
        chunk('id3 ', [1]),
      ),
    ],
    ['an extensible header', riff(fmt(0xfffe, 1, 8000, 16, extensible(1)), data)],
    ['18 bytes of format', riff(fmt(1, 1, 8000, 16, [0, 0]), data)],
    [
      'a stream without a size',
      riff(fmt(1, 1, 8000, 16), chunk('data', data.slice(8), 0xffffffff)),
    ],
    ['bytes after the end', Uint8Array.from([...riff(fmt(1, 1, 8000, 16), data), 1, 2, 3])],
    [
      '64 bits',
      Uint8Array.from([
        ...ascii('RF64'),
        ...le(0xffffffff, 4),
        ...ascii('WAVE'),
        ...chunk('ds64', [...le(80, 8), ...le(4, 8), ...le(2, 8), ...le(0, 4)]),
        ...fmt(1, 1, 8000, 16),
        ...chunk('data', [...data.slice(8), 7, 7], 0xffffffff),
      ]),
    ],
    [
      'the largest byte first',
      Uint8Array.from([
        ...ascii('RIFX'),
        ...be(40, 4),
        ...ascii('WAVEfmt '),
        ...be(16, 4),
        ...be(1, 2),
        ...be(1, 2),
        ...be(8000, 4),
        ...be(16000, 4),
        ...be(2, 2),
        ...be(16, 2),
        ...ascii('data'),
        ...be(4, 4),
        ...be(16384, 2),
        ...be(65536 - 8192, 2),
      ]),
    ],
  ])('%s', (_, bytes) => {
    expect(values(fromWav(bytes).waveform)).toEqual(one)
    expect(wavInfo(bytes)).toEqual({
      sampleRate: 8000,
      channels: 1,
      frames: 2,
      encoding: 'pcm',
      bitsPerSample: 16,
    })
    // A part of a larger buffer.
    const larger = new Uint8Array(bytes.length + 3)
    larger.set(bytes, 3)
    expect(values(fromWav(larger.subarray(3)).waveform)).toEqual(one)
  })

  test('12 bits lie in the upper part of 16', () => {
    expect(values(fromWav(riff(fmt(1, 1, 8000, 12), data)).waveform)).toEqual(one)
  })

  test('24 bits, both signs and both orders', () => {
    const bytes = riff(
      fmt(1, 1, 8000, 24),
      chunk('data', [0, 0, 0x40, 0xff, 0xff, 0xff, 0, 0, 0x80]),
    )
    expect(values(fromWav(bytes).waveform)).toEqual([0.5, -(2 ** -23), -1])
  })

  test('A-law and mu-law, as ITU-T G.711 gives them', () => {
    const bytes = [0x00, 0x7f, 0x80, 0xff, 0xd5, 0x55, 0x2a, 0xaa]
    const ints = (code: number) =>
      values(fromWav(riff(fmt(code, 1, 8000, 8), chunk('data', bytes))).waveform).map(
        (v) => v * 32768 + 0,
      )
    expect(ints(7)).toEqual([-32124, 0, 32124, 0, 716, -716, -5372, 5372])
    expect(ints(6)).toEqual([-5504, -848, 5504, 848, 8, -8, -32256, 32256])
  })
})

describe('bad files', () => {
  const good = toWav(
    tensor([
      [0.1, 0.2, 0.3],
      [0.4, 0.5, 0.6],
    ]),
    8000,
  )
  const refused = (bytes: Uint8Array, words: RegExp) =>
    expect(() => fromWav(bytes, { name: 'a.wav' })).toThrow(words)

  test('cut off at every place: an error that says so, or what is there', () => {
    for (let n = 0; n < good.length; n++) {
      const bytes = good.subarray(0, n)
      refused(bytes, /^\[a\.wav\] /)
      if (n < 44) continue
      refused(bytes, /cut off/)
      const frames = Math.floor((n - 44) / 4)
      const { waveform } = fromWav(bytes, { partial: true })
      expect(waveform.shape).toEqual([2, frames])
      expect(values(waveform)).toEqual(values(fromWav(good).waveform.narrow(1, 0, frames)))
    }
  })

  test.each([
    [
      'another kind of file',
      Uint8Array.from(ascii('OggS0000WAVE')),
      /begins with RIFF and WAVE; got 'OggS'/,
    ],
    ['no samples', riff(fmt(1, 1, 8000, 16)), /a data chunk; got none/],
    ['samples before their format', riff(chunk('data', [0, 0])), /fmt chunk stands before/],
    [
      'a chunk that goes on beyond the file',
      riff(chunk('LIST', [1], 1e9)),
      /chunk 'LIST' has 1,000,000,000 bytes; got/,
    ],
    ['no channels', riff(fmt(1, 0, 8000, 16), chunk('data', [])), /one channel/],
    [
      '7 bytes for a sample',
      riff(fmt(1, 1, 8000, 56), chunk('data', [])),
      /8, 16, 24, 32 bits; got 56/,
    ],
    ['floats of 16 bits', riff(fmt(3, 1, 8000, 16), chunk('data', [])), /float has 32, 64 bits/],
    ['MP3 inside', riff(fmt(0x55, 1, 8000, 16), chunk('data', [])), /got MP3/],
    [
      'a subformat of its own',
      riff(fmt(0xfffe, 1, 8000, 16, new Array(24).fill(7)), chunk('data', [])),
      /unknown subformat/,
    ],
    ['half a frame', riff(fmt(1, 2, 8000, 16), chunk('data', [1, 2])), /blocks of 4 bytes/],
    ['a short format', riff(chunk('fmt ', [1, 0]), chunk('data', [])), /at least 16 bytes/],
  ])('%s', (_, bytes, words) => refused(bytes as Uint8Array, words as RegExp))

  test('more than the limit is refused before memory is taken', () => {
    expect(() => fromWav(good, { maxBytes: 23 })).toThrow(
      /at most 23 bytes \(maxBytes\); got the sound, which needs 24/,
    )
    expect(fromWav(good, { maxBytes: 24 }).frames).toBe(3)
  })

  test('random bytes behind a good beginning give an error or samples', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(60), (noise, at) => {
        const bytes = good.slice()
        bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length))
        try {
          const { frames, channels } = fromWav(bytes)
          expect(frames * channels).toBeLessThanOrEqual(bytes.length)
        } catch (e) {
          expect((e as Error).name).toBe('FileError')
        }
      }),
      { numRuns: 300 },
    )
  })

  test('what cannot be written', () => {
    expect(() => toWav(tensor([Number.NaN]), 8000)).toThrow(/finite numbers; got NaN at \[0, 0\]/)
    expect(
      values(fromWav(toWav(tensor([Number.NaN]), 8000, { encoding: 'float' })).waveform),
    ).toEqual([Number.NaN])
    expect(() => toWav(tensor([0]), 0)).toThrow(/sampleRate/)
    expect(() => toWav(tensor([0]), 8000, { bitsPerSample: 20 })).toThrow(/8, 16, 24, 32; got 20/)
    expect(() => toWav(tensor([[[0]]]), 8000)).toThrow(/\(channels, frames\); got \[1, 1, 1\]/)
    expect(() => toWav(tensor([1], { dtype: 'int32' }), 8000)).toThrow(/float type/)
    expect(() => fromWav(good, { partail: true } as never)).toThrow(/partial/)
  })
})
