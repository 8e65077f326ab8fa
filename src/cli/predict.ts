/** `nabla predict`: one image through a saved run. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FileError, ValueError } from '../core/errors.js'
import { decodeImage } from '../core/image.js'
import { mnist } from '../data/mnist.js'
import { loadTensors, readBytes } from '../io/files.js'
import { mlp } from '../models/mlp.js'
import { noGrad } from '../ops/trace.js'
import { tensor } from '../tensor/creation.js'
import { type ActivationName, activations } from './choices.js'
import { drawImages } from './terminal.js'
import '../index.js'

const SIDE = 28

/** A PNG or JPEG as gray values from 0 to 1, light strokes on dark ground, averaged down (or repeated up) to 28x28. */
export function readImage(path: string): Float32Array {
  const { width, height, data } = decodeImage(readBytes(path), 'RGBA', path)
  // Transparent parts are ground.
  const gray = Float32Array.from(
    { length: width * height },
    (_, i) => ((data[4 * i]! + data[4 * i + 1]! + data[4 * i + 2]!) / 3) * data[4 * i + 3]!,
  )
  // Dark strokes on light ground are turned around: the corners tell.
  const corners = [0, width - 1, (height - 1) * width, height * width - 1]
  const ground = corners.reduce((s, c) => s + gray[c]!, 0) / 4
  if (ground > 0.5) for (let i = 0; i < gray.length; i++) gray[i] = 1 - gray[i]!
  const out = new Float32Array(SIDE * SIDE)
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      const y0 = Math.floor((y * height) / SIDE)
      const y1 = Math.max(y0 + 1, Math.floor(((y + 1) * height) / SIDE))
      const x0 = Math.floor((x * width) / SIDE)
      const x1 = Math.max(x0 + 1, Math.floor(((x + 1) * width) / SIDE))
      let s = 0
      for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) s += gray[v * width + u]!
      out[y * SIDE + x] = s / ((y1 - y0) * (x1 - x0))
    }
  return out
}

export function predict(
  run: string,
  image: string,
  options: { data?: string; json?: boolean },
): void {
  const { tensors, metadata } = loadTensors(join(run, 'model.safetensors'))
  let config: { sizes: number[]; activation: ActivationName }
  try {
    config = JSON.parse(metadata.config ?? '')
  } catch (error) {
    throw new FileError(
      {
        op: 'predict',
        rule: `${run} must be a saved run`,
        got: 'no configuration in model.safetensors',
      },
      { cause: error },
    )
  }
  const model = mlp(config.sizes, activations[config.activation])
  model.loadStateDict(tensors)
  model.eval()

  let pixels: Float32Array
  let truth: number | undefined
  if (/^\d+$/.test(image) && !existsSync(image)) {
    const { test } = mnist({ ...(options.data && { folder: options.data }) })
    const i = Number(image)
    if (i >= test.length)
      throw new ValueError({
        op: 'predict',
        rule: `a test index lies from 0 to ${test.length - 1}`,
        got: image,
      })
    pixels = Float32Array.from(test.image(i), (v) => v / 255)
    truth = test.labels[i]
  } else pixels = readImage(image)

  const x = tensor(pixels.slice(), { shape: [1, pixels.length] })
  const p = [...(noGrad(() => model.forward(x).softmax(1)).toTypedArray() as Float32Array)]
  const best = p.indexOf(Math.max(...p))
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ digit: best, probabilities: p, ...(truth !== undefined && { truth }) })}\n`,
    )
    return
  }
  process.stdout.write(`${drawImages([{ pixels, width: SIDE, height: SIDE, caption: '' }])}\n`)
  const order = p.map((v, d) => [v, d] as const).sort((a, b) => b[0] - a[0])
  for (const [v, d] of order.slice(0, 3))
    process.stdout.write(
      `${d}  ${`${(100 * v).toFixed(1)} %`.padStart(7)}  ${'█'.repeat(Math.round(v * 40))}\n`,
    )
  if (truth !== undefined) process.stdout.write(`it is a ${truth}\n`)
}
