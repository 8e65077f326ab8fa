/** Images in folders, one folder for each class. */
import { joinPath, listFolder, readBytes, realPath } from '#host'
import { FileError, IndexError } from '../core/errors.js'
import { type ColorMode, type DecodeOptions, decodeImage, toPlanes } from '../core/image.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import type { Dataset } from './dataset.js'

export interface ImageFolderOptions extends Omit<DecodeOptions, 'name' | 'mode'> {
  /** Gray 'L' (one channel) or 'RGB' (three); 'RGB' when not given. */
  mode?: Exclude<ColorMode, 'RGBA'>
  /** Changes each image as it is read, for example to one size. */
  transform?: (x: Tensor) => Tensor
}

const folderOptions: OptionNames<ImageFolderOptions> = {
  mode: true,
  transform: true,
  maxBytes: true,
  exifOrientation: true,
}

/**
 * root/CLASS/…/NAME.png or .jpg (.jpeg): each subfolder of root is a class, in the order of names
 * (torchvision.datasets.ImageFolder). Images are read when they are asked for.
 * Shapes: x (C, H, W) from 0 to 1, y () int32.
 * @throws FileError for a missing folder, one without classes, a class without images; when reading, for an image
 * that is not whole, with its path
 */
export class ImageFolder implements Dataset<[Tensor, Tensor]> {
  readonly length: number
  readonly classes: readonly string[]
  /** The files, and the class of each. */
  readonly paths: readonly string[]
  readonly labels: Int32Array
  private readonly decoding: DecodeOptions
  private readonly transform: ((x: Tensor) => Tensor) | undefined

  constructor(root: string, options: ImageFolderOptions = {}) {
    const { transform, ...decoding } = checkOptions('ImageFolder', options, folderOptions)
    const names = listFolder(root)
      .filter((n) => n.endsWith('/'))
      .map((n) => n.slice(0, -1))
    if (names.length === 0)
      throw new FileError({
        op: 'ImageFolder',
        rule: `${root} must hold a folder for each class`,
        got: 'none',
      })
    const paths: string[] = []
    const labels: number[] = []
    names.forEach((name, label) => {
      const found = imagesIn(joinPath(root, name))
      if (found.length === 0)
        throw new FileError({
          op: 'ImageFolder',
          rule: 'every class must have images (.png, .jpg, .jpeg)',
          got: `none in ${joinPath(root, name)}`,
        })
      paths.push(...found)
      labels.push(...found.map(() => label))
    })
    this.classes = names
    this.paths = paths
    this.labels = Int32Array.from(labels)
    this.length = paths.length
    this.decoding = { mode: 'RGB', ...decoding }
    this.transform = transform
  }

  get(i: number): [Tensor, Tensor] {
    const path = this.paths[i]
    if (path === undefined)
      throw new IndexError({
        op: 'ImageFolder',
        rule: `indices lie from 0 to ${this.length - 1}`,
        got: `${i}`,
      })
    const pixels = decodeImage(readBytes(path), { ...this.decoding, name: path })
    const { channels, height, width } = pixels
    const x = tensor(toPlanes(pixels), { shape: [channels, height, width] })
    const y = tensor(Int32Array.of(this.labels[i]!), { shape: [] })
    return [this.transform ? this.transform(x) : x, y]
  }
}

/** The images in a folder and those below it; a link to a folder that lies above is not followed again. */
function imagesIn(folder: string, above: readonly string[] = []): string[] {
  const real = realPath(folder)
  if (above.includes(real)) return []
  return listFolder(folder).flatMap((n) => {
    if (n.endsWith('/')) return imagesIn(joinPath(folder, n.slice(0, -1)), [...above, real])
    return /\.(png|jpe?g)$/i.test(n) ? [joinPath(folder, n)] : []
  })
}
