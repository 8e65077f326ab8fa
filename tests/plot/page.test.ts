/** Charts, images and files in a page: the same text, the same numbers, PNG drawn by the browser. */
import { decode } from 'fast-png'
import { tensor } from 'nabla'
import { serializeNpz } from 'nabla/io'
import { lineChart } from 'nabla/plot'
import { toPng } from 'nabla/vision'
import { expect, test } from 'vitest'
import { importMap, launch, root, serve, without } from '../browser/chromium.js'

test.skipIf(without)(
  'in Chromium',
  async () => {
    const image = toPng(
      tensor([
        [0, 0.2],
        [0.4, 1],
      ]),
    )
    const archive = serializeNpz({ a: tensor([1, 2.5]) })
    const server = await serve(root, { '/': `<!doctype html><title>nabla</title>${importMap()}` })
    const browser = await launch()
    try {
      const tab = await browser.newPage()
      await tab.goto(server.url)
      const got = await tab.evaluate<{
        svg: string
        png: number[]
        pixels: number[]
        a: number[]
      }>(`
        (async () => {
          const [plot, vision, io] = await Promise.all(
            ['nabla/plot', 'nabla/vision', 'nabla/io'].map((name) => import(name)))
          const svg = plot.lineChart({ loss: [3, 2, 1] }, { title: 'in a page' })
          const png = await plot.svgToPng(svg, { scale: 1 })
          const pixels = vision.fromImage(Uint8Array.from(${JSON.stringify([...image])})).toTypedArray()
          const { a } = io.parseNpz(Uint8Array.from(${JSON.stringify([...archive])}))
          return { svg, png: [...png], pixels: [...pixels], a: [...a.toTypedArray()] }
        })()`)
      expect(got.svg).toBe(lineChart({ loss: [3, 2, 1] }, { title: 'in a page' }))
      const png = decode(Uint8Array.from(got.png))
      expect([png.width, png.height]).toEqual([640, 400])
      // Ink where the title stands.
      let ink = 0
      for (let y = 8; y < 26; y++)
        for (let x = 250; x < 390; x++) if (png.data[(y * 640 + x) * png.channels]! < 128) ink++
      expect(ink).toBeGreaterThan(50)
      expect(got.pixels).toEqual([0, 51 / 255, 102 / 255, 1].map(Math.fround))
      expect(got.a).toEqual([1, 2.5])
    } finally {
      await browser.close()
      server.close()
    }
  },
  60_000,
)
