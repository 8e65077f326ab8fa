/** Pictures and files of a page: values are kept where a canvas would lose them, files come back as they went. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { tensor } from 'nabla'
import { fetchBytes, sha256, unpack } from 'nabla/io'
import { fromPixels, loadImage, toPixels, toPng } from 'nabla/vision'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importMap, launch, root, type Served, serve, without } from './chromium.js'

/** Colors that a canvas would make (255, 0, 0, 1), and a solid one. */
const rgba = [200, 100, 50, 1, 10, 20, 30, 255, 255, 254, 253, 0, 7, 0, 0, 2]
const picture = { width: 2, height: 2, data: Uint8ClampedArray.from(rgba) }
const bytesOf = (x: ReturnType<typeof fromPixels>) => [...toPixels(x).data]
const png = toPng(fromPixels(picture))

describe('in Node', () => {
  test('pixels, their tensor and their PNG are the same numbers', async () => {
    expect(bytesOf(fromPixels(picture))).toEqual(rgba)
    expect(bytesOf(await loadImage(png))).toEqual(rgba)
    expect(bytesOf(await loadImage(new Blob([png as Uint8Array<ArrayBuffer>])))).toEqual(rgba)
    expect(fromPixels(picture, { mode: 'RGB' }).shape).toEqual([3, 2, 2])
    expect(bytesOf(tensor([[0, 1]]))).toEqual([0, 0, 0, 255, 255, 255, 255, 255])
  })

  test('unpack and sha256 are those of zlib and OpenSSL, and bounded', async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * i) % 251)
    const packed = new Uint8Array(gzipSync(bytes))
    expect(await unpack(packed)).toEqual(bytes)
    expect(await sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'))
    await expect(unpack(packed, { maxBytes: 1000 })).rejects.toThrow('maxBytes = 1000')
    await expect(unpack(packed.subarray(0, 50))).rejects.toThrow('must be whole')
    await expect(fetchBytes('http://127.0.0.1:1/none')).rejects.toThrow('must be readable')
  })
})

describe.skipIf(without)('in Chromium', () => {
  let server: Served
  let browser: Browser
  let tab: Page
  beforeAll(async () => {
    server = await serve(root, {
      '/': `<!doctype html>${importMap()}`,
      '/long.json': JSON.stringify(Array.from({ length: 200_000 }, (_, i) => i)),
    })
    browser = await launch()
    tab = await browser.newPage()
    await tab.goto(server.url)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    server?.close()
  })
  const inPage = <T>(code: string) =>
    tab.evaluate<T>(`(async () => {
      const n = await import('nabla'), v = await import('nabla/vision'), io = await import('nabla/io')
      const rgba = ${JSON.stringify(rgba)}, png = Uint8Array.from(${JSON.stringify([...png])})
      const image = new ImageData(Uint8ClampedArray.from(rgba), 2, 2)
      const bytesOf = (x) => [...v.toPixels(x).data]
      const canvasOf = (draw, w = 2, h = 2) => {
        const canvas = document.createElement('canvas')
        canvas.width = w; canvas.height = h
        draw(canvas.getContext('2d'))
        return canvas
      }
      ${code}
    })()`)

  test('ImageData, PNG as bytes, Blob and address keep colors under small alpha', async () => {
    const all = await inPage<number[][]>(`
      const blob = new Blob([png], { type: 'image/png' })
      const from = [image, png, blob, URL.createObjectURL(blob), new URL(URL.createObjectURL(blob))]
      return [...await Promise.all(from.map(async (x) => bytesOf(await v.loadImage(x)))), bytesOf(v.fromPixels(image))]`)
    for (const got of all) expect(got).toEqual(rgba)
    // What the way over a canvas would give.
    const lost = await inPage<number[]>(
      'return [...canvasOf((c) => c.putImageData(image, 0, 0)).getContext("2d").getImageData(0, 0, 1, 1).data]',
    )
    expect(lost).not.toEqual(rgba.slice(0, 4))
  })

  test('a bitmap with alpha is read without multiplication', async () => {
    const got = await inPage<number[]>(`
      const bitmap = await createImageBitmap(image, { premultiplyAlpha: 'none' })
      return bytesOf(await v.loadImage(bitmap))`)
    expect(got).toEqual(rgba)
  })

  test('a canvas, and a picture drawn on one', async () => {
    const [drawn, later, again] = await inPage<number[][]>(`
      const canvas = canvasOf((c) => { c.fillStyle = 'rgb(1, 2, 3)'; c.fillRect(0, 0, 2, 2) })
      const target = document.createElement('canvas')
      v.toCanvas(v.fromPixels(canvas), target)
      return [bytesOf(v.fromPixels(canvas)), bytesOf(await v.loadImage(canvas)), bytesOf(v.fromPixels(target))]`)
    expect(drawn).toEqual([1, 2, 3, 255, 1, 2, 3, 255, 1, 2, 3, 255, 1, 2, 3, 255])
    expect(later).toEqual(drawn)
    expect(again).toEqual(drawn)
  })

  test('a JPEG is decoded by the browser, to what it shows', async () => {
    const { shape, worst, refused } = await inPage<{
      shape: number[]
      worst: number
      refused: string
    }>(`
      const canvas = canvasOf((c) => {
        const g = c.createLinearGradient(0, 0, 40, 30)
        g.addColorStop(0, 'red'); g.addColorStop(1, 'blue')
        c.fillStyle = g; c.fillRect(0, 0, 40, 30)
      }, 40, 30)
      const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.9))
      const x = await v.loadImage(blob)
      const shown = canvasOf(() => {}, 40, 30)
      shown.getContext('2d').drawImage(await createImageBitmap(blob), 0, 0)
      const want = shown.getContext('2d').getImageData(0, 0, 40, 30).data
      const got = v.toPixels(x).data
      let refused = ''
      try { await v.loadImage(new Blob(['no picture'])) } catch (e) { refused = e.name + e.message }
      return { shape: [...x.shape], worst: Math.max(...got.map((g, i) => Math.abs(g - want[i]))), refused }`)
    expect(shape).toEqual([3, 30, 40])
    expect(worst).toBeLessThanOrEqual(1)
    expect(refused).toMatch(/^FileError/)
  })

  test('fetchBytes tells its progress; gzip and SHA-256 are those of the browser', async () => {
    const { told, length, sum, unpacked, missing } = await inPage<{
      told: [number, number][]
      length: number
      sum: string
      unpacked: number[]
      missing: string
    }>(`
      const told = []
      const bytes = await io.fetchBytes('/long.json', { onProgress: (n, all) => told.push([n, all]) })
      const missing = await io.fetchBytes('/none.json').catch((e) => e.message)
      const packed = Uint8Array.from(${JSON.stringify([...gzipSync(Uint8Array.of(1, 2, 3))])})
      return { told, length: bytes.length, sum: await io.sha256(bytes), unpacked: [...await io.unpack(packed)], missing }`)
    const text = JSON.stringify(Array.from({ length: 200_000 }, (_, i) => i))
    expect(length).toBe(text.length)
    expect(told.at(-1)).toEqual([length, length])
    expect(told).toEqual([...told].sort(([a], [b]) => a - b))
    expect(sum).toBe(createHash('sha256').update(text).digest('hex'))
    expect(unpacked).toEqual([1, 2, 3])
    expect(missing).toContain('404')
  })

  test('a model is kept in the browser and offered as a download', async () => {
    await inPage(`
      const files = new io.BrowserFiles('test')
      await files.write('a', io.serializeSafetensors({ w: n.tensor([1, 2.5]) }))
      await files.write('b', Uint8Array.of(1))
      await files.remove('b')`)
    await tab.reload()
    const { values, names, missing } = await inPage<{
      values: number[]
      names: string[]
      missing: string
    }>(`
      const files = new io.BrowserFiles('test')
      const { tensors } = io.parseSafetensors(await files.read('a'))
      const missing = await files.read('c').catch((e) => e.message)
      return { values: tensors.w.toArray(), names: await files.list(), missing }`)
    expect(values).toEqual([1, 2.5])
    expect(names).toEqual(['a'])
    expect(missing).toMatch(/c must be in the store; got a/)
    const [download] = await Promise.all([
      tab.waitForEvent('download'),
      inPage("io.offerDownload('model.safetensors', Uint8Array.of(1, 2, 3))"),
    ])
    expect(download.suggestedFilename()).toBe('model.safetensors')
  })
})
