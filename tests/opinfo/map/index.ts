/** What each record of PyTorch is in nabla: one file a family. */
import type { Entry, Excluded, Family } from '../harness.js'
import { create } from './create.js'
import { elementwise } from './elementwise.js'
import { fft } from './fft.js'
import { indexing } from './indexing.js'
import { linalgMap } from './linalg.js'
import { loss } from './loss.js'
import { masked } from './masked.js'
import { movement } from './movement.js'
import { nn } from './nn.js'
import { outside } from './outside.js'
import { products } from './products.js'
import { pool } from './pool.js'
import { random } from './random.js'
import { reduce } from './reduce.js'
import { scan } from './scan.js'
import { specialMap } from './special.js'
import { statistics } from './statistics.js'

export const families: readonly Family[] = [
  create, elementwise, fft, indexing, linalgMap, loss, masked, movement, nn, outside, pool, products, random, reduce, scan,
  specialMap, statistics,
] // biome-ignore format: a list

/** The entry of a record: by its whole name, or by the name of all variants. */
export function entryOf(name: string): Entry | Excluded | undefined {
  for (const key of [name, name.split(':')[0]!])
    for (const family of families) if (Object.hasOwn(family, key)) return family[key]
  return undefined
}
