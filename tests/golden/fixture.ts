/** Golden numbers from PyTorch as tensors, and the comparison with them. See make.py for how they are made. */
import { readFileSync } from 'node:fs'
import { type DType, type Tensor, tensor } from 'nabla'
import { expect } from 'vitest'

interface Plain {
  shape: number[]
  dtype: DType
  data: (number | string)[]
}
const isPlain = (v: unknown): v is Plain =>
  typeof v === 'object' && v !== null && 'shape' in v && 'dtype' in v && 'data' in v

const special: Record<string, number> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
}

/** Turns what the generators wrote back into tensors, anywhere in a tree. */
export function revive(v: unknown): unknown {
  if (isPlain(v)) {
    const data = v.data.map((x) => (typeof x === 'string' ? special[x]! : x))
    return tensor(data, { dtype: v.dtype === 'float64' ? 'float32' : v.dtype }).reshape(v.shape)
  }
  if (Array.isArray(v)) return v.map(revive)
  if (typeof v === 'object' && v !== null)
    return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, revive(x)]))
  return typeof v === 'string' && v in special ? special[v] : v
}

export type Case = { name: string } & Record<string, unknown>

/** The cases of a topic, not revived, so that a test file can list their names before a backend exists. */
export function golden(topic: string): Case[] {
  return JSON.parse(
    readFileSync(new URL(`./data/${topic}.json`, import.meta.url), 'utf8'),
  ) as Case[]
}

/** Every element within `tolerance`, absolute for small and relative for large numbers; NaN equals NaN. */
export function expectClose(got: Tensor, want: Tensor, tolerance = 1e-4, what = 'result'): void {
  expect(got.shape, `shape of ${what}`).toEqual(want.shape)
  const a = got.toTypedArray()
  const b = want.toTypedArray()
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])]
    const same =
      Object.is(x, y) || x === y || Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(y))
    if (!same) expect.fail(`${what}[${i}]: got ${x}, PyTorch gives ${y}`)
  }
}
