/**
 * PyTorch's own test records as data: dump.py writes them once, under build/, whenever it or PyTorch has changed.
 * What is read here needs no backend; harness.ts makes tensors of it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))
export const folder = here('../../build/opinfo')
/** Debian's own Python, which has Debian's PyTorch, whatever comes first on PATH. */
const python = '/usr/bin/python3'
const PARTS = 2

/** A tensor where it lies in the file of its part. */
export interface Stored {
  $: 'tensor'
  dtype: string
  shape: number[]
  at: number
  /** How far PyTorch's float32 is from its float64 here. */
  error?: number
}
export type Saved =
  | null
  | boolean
  | number
  | string
  | Stored
  | readonly Saved[]
  | { readonly [name: string]: Saved }

export interface Case {
  /** Why dump.py could not say it. */
  excluded?: string
  input: Saved
  args: Saved[]
  kwargs: Record<string, Saved>
  out: Saved
  /** Which float tensors among the arguments have a gradient, which float results have one. */
  asked?: boolean[]
  live?: boolean[]
  cts?: Stored[]
  grads?: (Stored | null)[]
  cts2?: (Stored | null)[]
  grads2?: (Stored | null)[]
}

export interface Record_ {
  name: string
  dtype: string
  rtol: number
  atol: number
  random?: true
  cases: Case[]
  part: number
}

/** Where PyTorch is, or undefined. */
function pytorch(): string | undefined {
  const found = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], {
    encoding: 'utf8',
  })
  return found.status === 0 ? found.stdout.trim() : undefined
}

/** Brings the dump up to date; false where there is no PyTorch. Takes some 12 s, when there is something to do. */
export async function ensureRecords(): Promise<boolean> {
  const stamp = `${folder}/stamp`
  const source = readFileSync(here('dump.py'))
  const own = createHash('sha256').update(source).digest('hex')
  const kept = existsSync(stamp) ? readFileSync(stamp, 'utf8') : ''
  const version = pytorch()
  if (!version) return false
  if (kept === `${own} ${version}`) return true
  mkdirSync(folder, { recursive: true })
  await Promise.all(
    Array.from(
      { length: PARTS },
      (_, part) =>
        new Promise<void>((done, fail) => {
          const child = spawn(python, [here('dump.py'), folder, `${part}`, `${PARTS}`], {
            stdio: ['ignore', 'inherit', 'inherit'],
          })
          child.on('exit', (code) =>
            code === 0 ? done() : fail(new Error(`dump.py ended with ${code}`)),
          )
        }),
    ),
  )
  writeFileSync(stamp, `${own} ${version}`)
  return true
}

/** All records, or those that the variable OPINFO names (parts of names, with commas between). */
export function records(): Record_[] {
  if (!existsSync(`${folder}/stamp`)) return []
  const wanted = process.env.OPINFO?.split(',')
  return Array.from({ length: PARTS }, (_, part) =>
    (JSON.parse(readFileSync(`${folder}/${part}.json`, 'utf8')) as Record_[]).map((r) => ({
      ...r,
      part,
    })),
  )
    .flat()
    .filter((r) => !wanted || wanted.some((w) => r.name === w || r.name.includes(w)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

const files: (ArrayBuffer | undefined)[] = []
/** The elements of a stored tensor as dump.py wrote them; float16 and bfloat16 are kept as float32. */
export function elements(
  part: number,
  { dtype, shape, at }: Stored,
): Float32Array | Float64Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array {
  files[part] ??= new Uint8Array(readFileSync(`${folder}/${part}.bin`)).buffer as ArrayBuffer
  const complex = dtype.startsWith('complex')
  const n = shape.reduce((a, b) => a * b, 1) * (complex ? 2 : 1)
  const kind =
    {
      float64: Float64Array,
      complex128: Float64Array,
      int64: BigInt64Array,
      int32: Int32Array,
      int16: Int16Array,
      int8: Int8Array,
      uint8: Uint8Array,
      bool: Uint8Array,
    }[dtype] ?? Float32Array
  return new kind(files[part]!, at, n)
}
