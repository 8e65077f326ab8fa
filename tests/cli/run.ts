/** Runs the built command and looks at what it says and leaves behind. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { mnist } from '../../src/data/mnist.js'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const command = join(root, 'dist/cli/main.js')

export interface Outcome {
  status: number | null
  stdout: string
  stderr: string
}

export function nabla(
  args: readonly string[],
  env: Record<string, string> = {},
  input = '',
): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
    cwd: root,
    encoding: 'utf8',
    input,
    env: { ...process.env, NO_COLOR: '1', ...env },
  })
  return { status, stdout, stderr }
}

/** The objects of a run with --json. */
export const objects = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** A folder that is gone after the test. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Every file below a folder. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()

/** Bytes in IDX form. */
export function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const head = new DataView(new ArrayBuffer(4 + 4 * shape.length))
  head.setUint32(0, 0x0800 + shape.length)
  shape.forEach((n, i) => {
    head.setUint32(4 + 4 * i, n)
  })
  return Buffer.concat([new Uint8Array(head.buffer), data])
}

export const names = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
} as const

/** The first digits of MNIST as a folder of its own, so that a run takes a moment. */
export function smallData({ train = 1280, test = 200, gzip = false } = {}): string {
  const folder = scratch()
  const all = mnist()
  for (const [part, count] of [
    ['train', train],
    ['test', test],
  ] as const) {
    const set = all[part]
    const pixels = Buffer.concat(Array.from({ length: count }, (_, i) => set.image(i)))
    const write = (name: string, bytes: Uint8Array) =>
      writeFileSync(join(folder, gzip ? `${name}.gz` : name), gzip ? gzipSync(bytes) : bytes)
    write(names[`${part}Images`], idx([count, 28, 28], pixels))
    write(names[`${part}Labels`], idx([count], set.labels.subarray(0, count)))
  }
  return folder
}
