/** Files that claim or unpack to more than they may: refused before the memory is taken. Everything is made here. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync, gzipSync, inflateSync } from 'node:zlib'
import jpeg from 'jpeg-js'
import 'nabla'
import { downloadImages, mnist, readIdxFile } from 'nabla/data'
import { fromImage, readImage } from 'nabla/vision'
import { afterAll, describe, expect, test } from 'vitest'
import * as browser from '../../src/core/host.browser.js'
import * as node from '../../src/core/host.node.js'
import { TooLong } from '../../src/core/limits.js'

const folder = mkdtempSync(join(tmpdir(), 'nabla-limits-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, content: Uint8Array) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const MiB = 2 ** 20

/** Bytes that the process holds more afterwards and at its highest, as far as arrays tell. */
function grown(f: () => unknown): number {
  const before = process.resourceUsage().maxRSS * 1024
  f()
  return process.resourceUsage().maxRSS * 1024 - before
}

function chunk(kind: string, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + body.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, body.length)
  out.set(new TextEncoder().encode(kind), 4)
  out.set(body, 8)
  view.setUint32(8 + body.length, crc32(out.subarray(4, 8 + body.length)))
  return out
}
/** A PNG of gray bytes whose header says what it likes. */
function png(width: number, height: number, raw: Uint8Array): Uint8Array {
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header[8] = 8
  return Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(raw)),
    chunk('IEND', new Uint8Array(0)),
  ])
}
/** The header of an IDX file of images. */
function idx(...shape: number[]): Uint8Array {
  const out = new Uint8Array(4 + 4 * shape.length)
  out.set([0, 0, 8, shape.length])
  shape.forEach((n, i) => {
    new DataView(out.buffer).setUint32(4 + 4 * i, n)
  })
  return out
}

describe('IDX in gzip', () => {
  test('that goes on after what its header says', () => {
    const path = file(
      'more.gz',
      gzipSync(Buffer.concat([idx(10, 2, 2), new Uint8Array(100 * MiB)])),
    )
    const before = grown(() => 0)
    expect(
      grown(() =>
        expect(() => readIdxFile(path)).toThrow(
          'the header says that there are 56 bytes; got more',
        ),
      ),
    ).toBeLessThan(before + 40 * MiB)
  })

  test('that claims more than the limit, truly or not', () => {
    const path = file(
      'claims.gz',
      gzipSync(Buffer.concat([idx(10_000_000, 28, 28), new Uint8Array(1000)])),
    )
    expect(() => readIdxFile(path)).toThrow(
      'at most 1,073,741,824 bytes (maxBytes); got content whose header tells its size, which needs 7,840,000,016',
    )
    const small = file('small.gz', gzipSync(Buffer.concat([idx(3, 2, 2), new Uint8Array(12)])))
    expect(readIdxFile(small).shape).toEqual([3, 2, 2])
    expect(readIdxFile(small, { maxBytes: 28 }).data).toHaveLength(12)
    expect(() => readIdxFile(small, { maxBytes: 27 })).toThrow('Raise maxBytes if you trust it')
    expect(() => readIdxFile(small, { maxBytes: -1 })).toThrow('maxBytes must be a number of bytes')
    expect(() => readIdxFile(small, { maxbytes: 1 } as object)).toThrow('Did you mean maxBytes?')
  })

  test('of a set in a folder', () => {
    for (const part of ['train', 't10k']) {
      file(
        `${part}-images-idx3-ubyte.gz`,
        gzipSync(Buffer.concat([idx(2, 2, 2), new Uint8Array(8)])),
      )
      file(`${part}-labels-idx1-ubyte.gz`, gzipSync(Buffer.concat([idx(2), new Uint8Array(2)])))
    }
    expect(mnist({ folder }).train.length).toBe(2)
    expect(() => mnist({ folder, maxBytes: 20 })).toThrow('at most 20 bytes')
  })
})

describe('pictures', () => {
  test('a PNG of one pixel with data for many', () => {
    const large = png(1, 1, new Uint8Array(100 * MiB))
    const before = grown(() => 0)
    expect(
      grown(() =>
        expect(() => fromImage(large)).toThrow(
          'the image data must have 2 bytes, as its sizes say; got more',
        ),
      ),
    ).toBeLessThan(before + 40 * MiB)
  })

  test('a PNG of many pixels with data for one', () => {
    const empty = png(8000, 8000, new Uint8Array(2))
    const before = grown(() => 0)
    expect(
      grown(() =>
        expect(() => fromImage(empty)).toThrow('must have 64008000 bytes, as its sizes say; got 2'),
      ),
    ).toBeLessThan(before + 40 * MiB)
    expect(() => fromImage(png(2 ** 30, 2 ** 30, new Uint8Array(2)))).toThrow('maxBytes')
  })

  test('a JPEG of many pixels with data for few', () => {
    const shot = new Uint8Array(
      jpeg.encode({ width: 8, height: 8, data: new Uint8Array(256) }, 50).data,
    )
    const at = shot.findIndex((b, i) => b === 0xff && shot[i + 1] === 0xc0)
    new DataView(shot.buffer).setUint16(at + 5, 65_500)
    new DataView(shot.buffer).setUint16(at + 7, 65_500)
    const before = grown(() => 0)
    expect(
      grown(() =>
        expect(() => fromImage(shot)).toThrow(
          'an image of 65500 x 65500 pixels, which needs 154,449,000,000',
        ),
      ),
    ).toBeLessThan(before + 40 * MiB)
  })

  test('the limit is an option', () => {
    const small = png(4, 4, new Uint8Array(20))
    expect(fromImage(small, { maxBytes: 128 }).shape).toEqual([1, 4, 4])
    expect(() => fromImage(small, { maxBytes: 127 })).toThrow('at most 127 bytes (maxBytes)')
    expect(() => readImage(file('a.png', small), { maxBytes: 100 })).toThrow('a.png] the contents')
    expect(() => fromImage(small, { maxPixel: 1 } as object)).toThrow(
      'the options are mode, name, maxBytes',
    )
    expect(() => fromImage(small, 'CMYK' as 'L')).toThrow(
      "mode must be 'L', 'RGB' or 'RGBA'; got CMYK",
    )
  })
})

test('downloads end where they grow too large, whether they say their size or not', async () => {
  let sent = 0
  const server = createServer((request, response) => {
    if (request.url!.includes('says'))
      response.writeHead(200, { 'content-length': `${3 * 2 ** 30}` })
    const more = () => {
      sent += 65_536
      if (sent < 64 * MiB && !response.destroyed)
        response.write(new Uint8Array(65_536), () => setImmediate(more))
      else response.destroy()
    }
    more()
  }).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const cache = process.env.NABLA_CACHE
  process.env.NABLA_CACHE = join(folder, 'cache')
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await expect(downloadImages('mnist', { base: `${base}/says` })).rejects.toThrow(
      'which needs 3,221,225,472',
    )
    sent = 0
    await expect(downloadImages('mnist', { base, maxBytes: MiB })).rejects.toThrow(
      'got a download, which needs 1,',
    )
    expect(sent).toBeLessThan(32 * MiB)
  } finally {
    server.close()
    if (cache === undefined) delete process.env.NABLA_CACHE
    else process.env.NABLA_CACHE = cache
  }
})

describe('browsers unpack like Node', () => {
  const content = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) % 251)
  test.each([
    ['gzip', gzipSync(content), (h: typeof node, b: Uint8Array, n: number) => h.gunzip(b, n)],
    [
      'zlib',
      deflateSync(content),
      (h: typeof node, b: Uint8Array, n: number) => h.inflate([b.subarray(0, 5), b.subarray(5)], n),
    ],
    [
      'raw',
      deflateSync(content).subarray(2, -4),
      (h: typeof node, b: Uint8Array, n: number) => h.inflateRaw(b, n),
    ],
  ] as const)('%s', (kind, bytes, unpack) => {
    for (const host of [node, browser as typeof node]) {
      expect(Buffer.compare(unpack(host, bytes, content.length), content)).toBe(0)
      expect(() => unpack(host, bytes, content.length - 1)).toThrow(TooLong)
      // Raw data that ends early may give what there is: who asks for it knows the size.
      let half = 0
      try {
        half = unpack(host, bytes.subarray(0, bytes.length >> 1), content.length).length
      } catch {}
      expect(half, kind === 'raw' ? '' : 'nothing comes of a part').toBeLessThan(
        kind === 'raw' ? content.length : 1,
      )
    }
  })
  test('gzip of several members', () => {
    const both = Buffer.concat([gzipSync(content), gzipSync(content.subarray(0, 999))])
    for (const host of [node, browser as typeof node])
      expect(host.gunzip(both, 200_000)).toHaveLength(100_999)
  })
  test('the start of gzip, and deflate', () => {
    for (const host of [node, browser as typeof node]) {
      const start = host.gunzipStart(
        gzipSync(Buffer.concat([idx(10, 2, 2), new Uint8Array(9 * MiB)])),
      )
      expect([...start.subarray(0, 16)]).toEqual([...idx(10, 2, 2)])
      expect(host.gunzipStart(Uint8Array.of(0x1f, 0x8b, 9))).toHaveLength(0)
      expect(Buffer.compare(inflateSync(host.deflate(content)), content)).toBe(0)
    }
  })
})
