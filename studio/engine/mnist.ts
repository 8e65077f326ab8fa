/** MNIST as the server of the studio has it. */
import { ImageDataset, type ImageOptions, parseIdx } from 'nabla/data'
import type { Tools } from './session.js'

export async function loadMnist(
  tools: Tools,
  options: ImageOptions = {},
): Promise<{ train: ImageDataset; test: ImageDataset }> {
  const file = async (name: string) =>
    parseIdx(await tools.fetch(`data/mnist/${name}-ubyte`, 'MNIST'), name)
  const part = async (name: string) =>
    new ImageDataset(await file(`${name}-images-idx3`), await file(`${name}-labels-idx1`), options)
  return { train: await part('train'), test: await part('t10k') }
}

export interface Sample {
  ink: number[]
  label: number
}
/** The first n pictures of a set, with ink from 0 to 1. */
export function samplesOf(data: ImageDataset, n: number): Sample[] {
  return Array.from({ length: n }, (_, i) => ({
    ink: Array.from(data.image(i), (v) => Math.fround(v / 255)),
    label: data.labels[i]!,
  }))
}
