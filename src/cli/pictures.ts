/** The pictures that `nabla predict` is given: files, or test pictures by their numbers. */
import { existsSync } from 'node:fs'
import { ValueError } from '../core/errors.js'
import { decodeImage } from '../core/image.js'
import { readBytes } from '../io/files.js'
import type { Classifier } from './recipe.js'

/**
 * A PNG or JPEG as gray values from 0 to 1, light strokes on dark ground, averaged down (or repeated up) to the size
 * that is wanted.
 */
export function readImage(path: string, wanted: { height: number; width: number }): Float32Array {
  const { width, height, data } = decodeImage(readBytes(path), { mode: 'RGBA', name: path })
  // Transparent parts are ground.
  const gray = Float32Array.from(
    { length: width * height },
    (_, i) => ((data[4 * i]! + data[4 * i + 1]! + data[4 * i + 2]!) / 3) * data[4 * i + 3]!,
  )
  // Dark strokes on a light background are inverted; the corners show the background.
  const corners = [0, width - 1, (height - 1) * width, height * width - 1]
  const ground = corners.reduce((s, c) => s + gray[c]!, 0) / 4
  if (ground > 0.5) for (let i = 0; i < gray.length; i++) gray[i] = 1 - gray[i]!
  const out = new Float32Array(wanted.height * wanted.width)
  for (let y = 0; y < wanted.height; y++)
    for (let x = 0; x < wanted.width; x++) {
      const y0 = Math.floor((y * height) / wanted.height)
      const y1 = Math.max(y0 + 1, Math.floor(((y + 1) * height) / wanted.height))
      const x0 = Math.floor((x * width) / wanted.width)
      const x1 = Math.max(x0 + 1, Math.floor(((x + 1) * width) / wanted.width))
      let s = 0
      for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) s += gray[v * width + u]!
      out[y * wanted.width + x] = s / ((y1 - y0) * (x1 - x0))
    }
  return out
}

/** The number that a text is, unless there is a file of this name. */
export const numberOf = (text: string): number | undefined =>
  /^\d+$/.test(text) && !existsSync(text) ? Number(text) : undefined

/**
 * Test picture number i, 0 to 1, and its class.
 * @throws ValueError where there is none, and where test pictures have another size
 */
export function testImage(
  images: Classifier['images'],
  i: number,
  { folder, height, width }: { folder: string | undefined; height: number; width: number },
): { pixels: Float32Array; truth: number } {
  const { test } = images({ ...(folder !== undefined && { folder }) })
  if (i >= test.length)
    throw new ValueError({
      op: 'predict',
      rule: `a test index lies from 0 to ${test.length - 1}`,
      got: `${i}`,
    })
  if (test.height !== height || test.width !== width)
    throw new ValueError({
      op: 'predict',
      rule: `images must be ${height}x${width}, as those of the training`,
      got: `${test.height}x${test.width}`,
    })
  return { pixels: Float32Array.from(test.image(i), (v) => v / 255), truth: test.labels[i]! }
}
