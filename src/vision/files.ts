/** Pictures from and to files. */
import { readBytes, writeAtomic } from '#host'
import { ShapeError, show } from '../core/errors.js'
import { type ColorMode, decodeImage, encodePng, fromPlanes, toPlanes } from '../core/image.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'

export type { ColorMode } from '../core/image.js'

/**
 * A PNG or JPEG as a tensor from 0 to 1, shape (C, H, W); gray 'L', 'RGB' or 'RGBA', or the channels that it has.
 * @throws FileError for another format and for a truncated or corrupt file
 */
export function fromImage(bytes: Uint8Array, mode?: ColorMode, name?: string): Tensor {
  const pixels = decodeImage(bytes, mode, name)
  const { channels, height, width } = pixels
  return tensor(toPlanes(pixels), { shape: [channels, height, width] })
}

/**
 * A picture (C, H, W) or (H, W), from 0 to 1, as a PNG of 8 bits; 1 to 4 channels.
 * @throws ShapeError
 */
export function toPng(x: Tensor): Uint8Array {
  const [c, h, w] = (x.rank === 2 ? [1, ...x.shape] : x.shape) as [number, number, number]
  if ((x.rank !== 2 && x.rank !== 3) || c < 1 || c > 4 || h < 1 || w < 1)
    throw new ShapeError({
      op: 'toPng',
      rule: 'a picture has shape (H, W) or (C, H, W) with 1 to 4 channels',
      got: show(x.shape),
    })
  return encodePng(fromPlanes(x.toTypedArray() as ArrayLike<number>, c, h, w))
}

/** Reads a PNG or JPEG file, for Node. @throws FileError */
export const readImage = (path: string, mode?: ColorMode): Tensor =>
  fromImage(readBytes(path), mode, path)
/** Writes a PNG file, for Node. @throws FileError, ShapeError */
export const writePng = (path: string, x: Tensor): void => writeAtomic(path, toPng(x))
