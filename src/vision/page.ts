/**
 * Pictures of a page: files of every kind that the browser knows, canvases and their pixels. Types are told by their
 * parts, so that programs without the browser's library compile.
 */
import { FileError, ShapeError, show, ValueError } from '../core/errors.js'
import { convert, type DecodeOptions, decodeImage, fromPlanes, toPlanes } from '../core/image.js'
import { jpegHeader } from '../core/jpeg.js'
import { type Pixels, SIGNATURE } from '../core/png.js'
import type { Tensor } from '../ops/tensor.js'
import { decodeOptions } from './decoding.js'
import { tensor } from '../tensor/creation.js'

/** Pixels in rows, 4 bytes each, as ImageData has them. */
export interface PagePixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray | Uint8Array
}
/** A canvas, of a page or an OffscreenCanvas. */
export interface PageCanvas {
  width: number
  height: number
  getContext(kind: '2d'): unknown
}
/** What `loadImage` reads: a file, its address, its bytes, or what a page shows. */
export type PageImage =
  | string
  | { readonly href: string }
  | { arrayBuffer(): Promise<ArrayBuffer> }
  | Uint8Array
  | PagePixels
  | PageCanvas

function tensorOf(found: Pixels, { mode }: DecodeOptions): Tensor {
  const pixels = mode ? convert(found, mode) : found
  return tensor(toPlanes(pixels), { shape: [pixels.channels, pixels.height, pixels.width] })
}

function floats({ width, height, data }: PagePixels): Pixels {
  const values = Float32Array.from(data, (v) => v / 255)
  return { width, height, channels: 4, data: values }
}

/**
 * Pixels that lie in a page, an ImageData or a canvas with a 2D context, as a tensor from 0 to 1, (4, H, W), or in the
 * channels of `mode`. The pixels of an ImageData are kept as they are. A canvas holds colors multiplied by alpha, in 8
 * bits: where alpha is small it has lost them before (loadImage reads files without one).
 * @throws ValueError for what has no pixels
 */
export function fromPixels(source: PagePixels | PageCanvas, given: DecodeOptions = {}): Tensor {
  const options = decodeOptions('fromPixels', given)
  if ('data' in source) return tensorOf(floats(source), options)
  const context = source.getContext('2d') as {
    getImageData(x: number, y: number, w: number, h: number): PagePixels
  } | null
  if (!context)
    throw new ValueError({
      op: 'fromPixels',
      rule: 'a canvas must have a 2D context',
      fix: 'await loadImage(canvas) reads every canvas.',
    })
  return tensorOf(floats(context.getImageData(0, 0, source.width, source.height)), options)
}

/** The pixels of a bitmap whose colors are not multiplied by alpha: by a texture, since a 2D canvas would multiply. */
function bitmapPixels(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap
  const canvas = new OffscreenCanvas(1, 1)
  const gl = canvas.getContext('webgl2')
  const data = new Uint8Array(4 * width * height)
  if (gl && Math.max(width, height) <= (gl.getParameter(gl.MAX_TEXTURE_SIZE) as number)) {
    const texture = gl.createTexture()
    gl.bindTexture(gl.TEXTURE_2D, texture)
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false)
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap)
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer())
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0)
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, data)
    gl.getExtension('WEBGL_lose_context')?.loseContext()
    return floats({ width, height, data })
  }
  // Without WebGL, or too large for it: exact for pictures without alpha.
  const flat = new OffscreenCanvas(width, height).getContext('2d')!
  flat.drawImage(bitmap, 0, 0)
  return floats(flat.getImageData(0, 0, width, height))
}

async function decodeLater(bytes: Uint8Array, options: DecodeOptions): Promise<Pixels> {
  const png = SIGNATURE.every((b, i) => bytes[i] === b)
  // A PNG is read by nabla everywhere: the same numbers, 16 bits and transparent colors kept.
  if (png || typeof createImageBitmap === 'undefined') return decodeImage(bytes, options)
  const { name = 'image', maxBytes, exifOrientation = true } = options
  const jpeg = bytes[0] === 0xff && bytes[1] === 0xd8
  const channels = jpeg ? (jpegHeader(bytes, name, maxBytes).components === 1 ? 1 : 3) : 4
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
      imageOrientation: exifOrientation ? 'from-image' : 'none',
    })
  } catch (cause) {
    const got = `${(cause as Error).message}`
    throw new FileError({ op: name, rule: 'the browser must know the picture', got }, { cause })
  }
  const pixels = bitmapPixels(bitmap)
  bitmap.close()
  return channels === 4 ? pixels : convert(pixels, channels === 1 ? 'L' : 'RGB')
}

/**
 * A picture as a tensor from 0 to 1, (C, H, W): from a Blob or File, an address, bytes, an ImageData, a canvas or an
 * ImageBitmap. Colors of transparent pixels are kept. PNG is read as `fromImage` does; JPEG, WebP, AVIF and what else
 * the browser knows by its own decoders. In Node files and bytes of PNG and JPEG.
 * @throws FileError for what cannot be fetched or decoded
 */
export async function loadImage(source: PageImage, given: DecodeOptions = {}): Promise<Tensor> {
  const options = decodeOptions('loadImage', given)
  const is = (part: string) => typeof source === 'object' && part in source
  if (typeof source === 'string' || is('href')) {
    const place = typeof source === 'string' ? source : (source as { href: string }).href
    const response = await fetch(place)
    if (!response.ok)
      throw new FileError({
        op: 'fetch',
        rule: `${place} must be there`,
        got: `${response.status}`,
      })
    return loadImage(new Uint8Array(await response.arrayBuffer()), { name: place, ...options })
  }
  if (source instanceof Uint8Array) return tensorOf(await decodeLater(source, options), options)
  if (is('arrayBuffer')) {
    const bytes = await (source as Blob).arrayBuffer()
    return loadImage(new Uint8Array(bytes), options)
  }
  if (is('data')) return fromPixels(source as PagePixels, options)
  if (typeof createImageBitmap === 'undefined')
    throw new ValueError({ op: 'loadImage', rule: 'this picture can be read in a browser only' })
  // What is drawn on a canvas is there already; a bitmap of it is read without another multiplication.
  const bitmap = await createImageBitmap(source as ImageBitmapSource, { premultiplyAlpha: 'none' })
  const pixels = bitmapPixels(bitmap)
  bitmap.close()
  return tensorOf(pixels, options)
}

/**
 * A picture (C, H, W) or (H, W), from 0 to 1, as pixels of 4 bytes for `new ImageData(data, width, height)`; gray for one
 * channel, opaque without a fourth.
 * @throws ShapeError
 */
export function toPixels(x: Tensor): {
  width: number
  height: number
  data: Uint8ClampedArray<ArrayBuffer>
} {
  const [c, height, width] = (x.rank === 2 ? [1, ...x.shape] : x.shape) as [number, number, number]
  if ((x.rank !== 2 && x.rank !== 3) || c < 1 || c > 4)
    throw new ShapeError({
      op: 'toPixels',
      rule: 'a picture has shape (H, W) or (C, H, W) with 1 to 4 channels',
      got: show(x.shape),
    })
  const pixels = fromPlanes(x.toTypedArray() as ArrayLike<number>, c, height, width)
  const rgba = convert(pixels, 'RGBA')
  return { width, height, data: Uint8ClampedArray.from(rgba.data, (v) => v * 255) }
}

/** Draws a picture on a canvas, which takes its size. @throws ShapeError */
export function toCanvas(x: Tensor, canvas: PageCanvas): void {
  const { width, height, data } = toPixels(x)
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.putImageData(new ImageData(data, width, height), 0, 0)
}
