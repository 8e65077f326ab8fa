/**
 * Stored screenshots, in screens/: `NABLA_STORE_SCREENS=1 npx vitest run tests/browser/studio.test.ts -t screenshot` stores those
 * that are missing or no longer fit. Look at each before it is committed.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { root } from './chromium.js'

const folder = join(root, 'tests/browser/screens')
const storing = process.env.NABLA_STORE_SCREENS === '1'

/** Switches by which texts have the same shapes and places on other machines. */
export const still = [
  '--font-render-hinting=none',
  '--disable-lcd-text',
  '--force-color-profile=srgb',
  '--hide-scrollbars',
]
/** Half of the size is enough to see what is there, in a tenth of the bytes. */
const SCALE = 0.5
/** A word may end elsewhere where fonts are drawn otherwise; a control, a chart or a line is more. */
const MOST_LOST = 3

/** How far two pictures differ: over squares of 8 pixels, so that other edges of letters do not count. */
interface Difference {
  /** Of 255, on average. */
  mean: number
  /** The share of squares that differ by more than 24. */
  share: number
  /** Height of one to the other. */
  height: number
  /** Places where one picture has something and the other nothing around: a chart, a control or the end of a line. */
  lost: number
}

export function difference(tab: Page, a: Uint8Array, b: Uint8Array): Promise<Difference> {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  return tab.evaluate(
    async ([first, second]) => {
      const SQUARE = 8
      const PLACE = 16
      /** How much each place differs from its own mean, of 255: nothing where there is only paper. */
      const inkOf = (pixels: Uint8ClampedArray, width: number, height: number) => {
        const [w, h] = [Math.ceil(width / PLACE), Math.ceil(height / PLACE)]
        const ink = Array.from({ length: h }, (_, r) =>
          Array.from({ length: w }, (__, c) => {
            const lights: number[] = []
            for (let y = r * PLACE; y < Math.min(height, (r + 1) * PLACE); y++)
              for (let x = c * PLACE; x < Math.min(width, (c + 1) * PLACE); x++) {
                const at = 4 * (y * width + x)
                lights.push((pixels[at]! + pixels[at + 1]! + pixels[at + 2]!) / 3)
              }
            const mean = lights.reduce((a, b) => a + b, 0) / lights.length
            return lights.reduce((a, b) => a + Math.abs(b - mean), 0) / lights.length
          }),
        )
        return ink
      }
      /** Places with ink in `a` around which `b` has next to none: as far as edges of letters move, it would. */
      const lostOf = (a: number[][], b: number[][]) => {
        let lost = 0
        a.forEach((row, r) => {
          row.forEach((v, c) => {
            if (v < 4) return
            let most = 0
            for (let i = r - 1; i <= r + 1; i++)
              for (let j = c - 1; j <= c + 1; j++) most = Math.max(most, b[i]?.[j] ?? 0)
            if (most < v / 4) lost++
          })
        })
        return lost
      }
      const squares = async (data: string) => {
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0))
        const bitmap = await createImageBitmap(new Blob([bytes]))
        const { width, height } = bitmap
        const [w, h] = [Math.ceil(width / SQUARE), Math.ceil(height / SQUARE)]
        const context = new OffscreenCanvas(width, height).getContext('2d')!
        context.drawImage(bitmap, 0, 0)
        const { data: pixels } = context.getImageData(0, 0, width, height)
        const sums = new Float64Array(w * h * 3)
        const counts = new Float64Array(w * h)
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) {
            const at = Math.floor(y / SQUARE) * w + Math.floor(x / SQUARE)
            counts[at]!++
            for (let c = 0; c < 3; c++) sums[3 * at + c]! += pixels[4 * (y * width + x) + c]!
          }
        return {
          w,
          h,
          height,
          ink: inkOf(pixels, width, height),
          means: sums.map((s, i) => s / counts[Math.floor(i / 3)]!),
        }
      }
      const [p, q] = [await squares(first!), await squares(second!)]
      const [w, h] = [Math.min(p.w, q.w), Math.min(p.h, q.h)]
      let [sum, far] = [0, 0]
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++) {
          let worst = 0
          for (let c = 0; c < 3; c++)
            worst = Math.max(
              worst,
              Math.abs(p.means[3 * (y * p.w + x) + c]! - q.means[3 * (y * q.w + x) + c]!),
            )
          sum += worst
          if (worst > 24) far++
        }
      return {
        mean: sum / (w * h),
        share: far / (w * h),
        height: p.height / q.height,
        lost: lostOf(p.ink, q.ink) + lostOf(q.ink, p.ink),
      }
    },
    [text(a), text(b)],
  )
}
const fits = ({ mean, share, height, lost }: Difference) =>
  mean < 4 && share < 0.04 && Math.abs(height - 1) < 0.04 && lost <= MOST_LOST

/** The picture and the settings of a page, as WebP. */
async function shot(tab: Page): Promise<Uint8Array> {
  const box = await tab.evaluate(async () => {
    scrollTo(0, 0)
    ;(document.activeElement as HTMLElement | null)?.blur()
    await document.fonts.ready
    // What has changed is drawn by the second frame.
    for (let i = 0; i < 3; i++) await new Promise((done) => requestAnimationFrame(done))
    const { x, y, width, height } = document.querySelector('.stage')!.getBoundingClientRect()
    return { x, y, width, height: Math.min(height, 2600) }
  })
  const session = await tab.context().newCDPSession(tab)
  const { data } = await session.send('Page.captureScreenshot', {
    format: 'webp',
    quality: 60,
    captureBeyondViewport: true,
    clip: { ...box, scale: SCALE },
  })
  await session.detach()
  return Buffer.from(data, 'base64')
}

export async function expectStored(tab: Page, id: string): Promise<void> {
  const file = join(folder, `${id}.webp`)
  let now = await shot(tab)
  if (existsSync(file)) {
    const stored = readFileSync(file)
    let found = await difference(tab, stored, now)
    // Pictures in 3-D may come a moment later.
    for (let i = 0; i < 4 && !fits(found); i++) {
      await tab.waitForTimeout(400)
      now = await shot(tab)
      found = await difference(tab, stored, now)
    }
    if (fits(found)) return
    if (!storing) {
      const seen = join(root, 'build/screens')
      mkdirSync(seen, { recursive: true })
      writeFileSync(join(seen, `${id}.webp`), now)
      expect.fail(
        `the page looks different (build/screens/${id}.webp): mean ${found.mean.toFixed(1)}, share ${found.share.toFixed(3)}, height ${found.height.toFixed(3)}, lost ${found.lost}`,
      )
    }
  } else if (!storing)
    expect.fail(`no screenshot is stored of ${id}: tests/browser/screens.ts tells how to`)
  else {
    await tab.waitForTimeout(1500)
    now = await shot(tab)
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, now)
}

/** The page as it is now, with something missing, does not fit its stored screenshot. */
export async function expectUnlike(tab: Page, id: string, what: string): Promise<void> {
  const stored = readFileSync(join(folder, `${id}.webp`))
  const found = await difference(tab, stored, await shot(tab))
  expect(fits(found), `${id}: ${what}, ${JSON.stringify(found)}`).toBe(false)
}

/** The stored screenshots of two pages do not fit each other: the tolerance is not too wide. */
export async function expectDifferent(tab: Page, ids: readonly string[]): Promise<void> {
  const stored = ids
    .filter((id) => existsSync(join(folder, `${id}.webp`)))
    .map((id) => [id, readFileSync(join(folder, `${id}.webp`))] as const)
  for (let i = 1; i < stored.length; i++) {
    const [[a, first], [b, second]] = [stored[i - 1]!, stored[i]!]
    expect(fits(await difference(tab, first, second)), `${a} and ${b}`).toBe(false)
  }
}
