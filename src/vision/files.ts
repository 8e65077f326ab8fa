/** Images from and to files. */
import { readBytes, writeAtomic } from '#host'
import { asNumbers } from '../core/dtype.js'
import { ShapeError, show } from '../core/errors.js'
import {
  type ColorMode,
  type DecodeOptions,
  decodeImage,
  encodePng,
  fromPlanes,
  toPlanes,
} from '../core/image.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { decodeOptions } from './decoding.js'

export type { ColorMode, DecodeOptions } from '../core/image.js'

/**
 * A PNG or JPEG as a tensor from 0 to 1, shape (C, H, W); gray 'L', 'RGB' or 'RGBA', or the channels that it has.
 *
 * Every color type and depth of PNG is read, baseline and progressive JPEG. A sample is v / (2^bits − 1) as it is stored:
 * gamma and color profiles are not applied (as in Pillow and torchvision). A palette gives RGB, with transparent entries
 * RGBA; a transparent color gives one more channel, which is 0 there. 'L' is 0.299 R + 0.587 G + 0.114 B (ITU-R 601);
 * 'L' and 'RGB' drop alpha. A gray JPEG has one channel; subsampled chroma is repeated (libjpeg without smoothing);
 * CMYK becomes (1 − ink)(1 − black). A JPEG is rotated according to its Exif orientation unless `exifOrientation` is false.
 * @throws FileError for another format, a truncated or corrupt file, and one that needs more than `maxBytes`
 */
export function fromImage(
  bytes: Uint8Array,
  options?: ColorMode | DecodeOptions,
  name?: string,
): Tensor {
  const pixels = decodeImage(bytes, {
    ...decodeOptions('fromImage', options),
    ...(name !== undefined && { name }),
  })
  const { channels, height, width } = pixels
  return tensor(toPlanes(pixels), { shape: [channels, height, width] })
}

/**
 * An image (C, H, W) or (H, W), from 0 to 1, as a PNG of 8 bits; 1 to 4 channels.
 * @throws ShapeError
 */
export function toPng(x: Tensor): Uint8Array {
  const [c, h, w] = (x.rank === 2 ? [1, ...x.shape] : x.shape) as [number, number, number]
  if ((x.rank !== 2 && x.rank !== 3) || c < 1 || c > 4 || h < 1 || w < 1)
    throw new ShapeError({
      op: 'toPng',
      rule: 'an image has shape (H, W) or (C, H, W) with 1 to 4 channels',
      got: show(x.shape),
    })
  return encodePng(fromPlanes(asNumbers(x.toTypedArray()), c, h, w))
}

/** Reads a PNG or JPEG file, for Node; see `fromImage`. @throws FileError */
export function readImage(path: string, options?: ColorMode | DecodeOptions): Tensor {
  const checked = decodeOptions('readImage', options)
  return fromImage(readBytes(path), checked, path)
}
/** Writes a PNG file, for Node. @throws FileError, ShapeError */
export const writePng = (path: string, x: Tensor): void => writeAtomic(path, toPng(x))
