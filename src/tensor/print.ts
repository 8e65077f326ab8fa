/** Tensors as text, as PyTorch prints them. */
import { isFloat, readNumber } from '../core/dtype.js'
import { extras } from '../core/extras.js'
import { checkOptions } from '../core/options.js'
import { type Shape, sizeOf } from '../core/shape.js'
import type { Tensor } from '../ops/tensor.js'

export interface PrintOptions {
  /** Digits after the point. */
  precision?: number
  /** Above this many elements only the edges are shown. */
  threshold?: number
  edgeItems?: number
  lineWidth?: number
}

const settings: Required<PrintOptions> = {
  precision: 4,
  threshold: 1000,
  edgeItems: 3,
  lineWidth: 80,
}
/** Changes how tensors print. */
export function setPrintOptions(options: PrintOptions): void {
  // Who asks for digits has the printer.
  extras.format = format
  Object.assign(settings, checkOptions('setPrintOptions', options, settings))
}

const special = (v: number) => (Number.isNaN(v) ? 'nan' : v > 0 ? 'inf' : '-inf')

/** One format for all numbers of a tensor: whole ones as `1.`, others fixed, far apart ones scientific. */
function floatFormat(values: readonly number[]): (v: number) => string {
  const finite = values.filter((v) => Number.isFinite(v) && v !== 0).map(Math.abs)
  const p = settings.precision
  const scientific = (v: number) => {
    const [m, e] = v.toExponential(p).split('e') as [string, string]
    const digits = e.slice(1).padStart(2, '0')
    return `${m}e${e[0]}${digits}`
  }
  let one: (v: number) => string
  if (finite.length === 0) one = (v) => `${Object.is(v, -0) ? '-0' : v}.`
  else {
    const max = Math.max(...finite)
    const min = Math.min(...finite)
    const whole = values.every((v) => !Number.isFinite(v) || Number.isInteger(v))
    if (whole)
      one = max / min > 1e3 || max > 1e8 ? scientific : (v) => `${Object.is(v, -0) ? '-0' : v}.`
    else if (max / min > 1e3 || max > 1e8 || min < 1e-4) one = scientific
    else one = (v) => v.toFixed(p)
  }
  return (v) => (Number.isFinite(v) ? one(v) : special(v))
}

/** The numbers that will be shown, edges only when there are many. */
function shown(shape: Shape, cut: boolean, at: (index: number[]) => void): void {
  const walk = (index: number[]) => {
    const a = index.length
    if (a === shape.length) return at(index)
    for (const i of places(shape[a]!, cut)) if (i >= 0) walk([...index, i])
  }
  walk([])
}
/** Indices along an axis; −1 means the dots. */
function places(n: number, cut: boolean): number[] {
  const { edgeItems: e } = settings
  const all = Array.from({ length: n }, (_, i) => i)
  return cut && n > 2 * e ? [...all.slice(0, e), -1, ...all.slice(n - e)] : all
}

/** @example `${tensor([1, 2])}` // 'tensor([1., 2.])' */
export function format(t: Tensor): string {
  if (!t.storage) return `tensor(traced, shape=[${t.shape.join(', ')}], dtype=${t.dtype})`
  const { shape, strides, dtype, storage } = t
  const cut = sizeOf(shape) > settings.threshold
  const at = (index: readonly number[]) =>
    storage.readNow(
      index.reduce((s, i, a) => s + i * strides[a]!, t.offset),
      1,
    )
  const read = (index: readonly number[]) => readNumber(dtype, at(index), 0)
  /** The words of an int64 are its digits, however many. */
  const digits = (index: readonly number[]) => `${at(index)[0]!}`
  const values: number[] = []
  shown(shape, cut, (i) => values.push(read(i)))
  const float = isFloat(dtype)
  const one =
    dtype === 'bool'
      ? (v: number) => (v ? 'True' : 'False')
      : float
        ? floatFormat(values)
        : (v: number) => `${v}`
  // PyTorch's width: of what is finite and not 0; zeros, infinities and NaN may stand out.
  const long: number[] = []
  if (dtype === 'int64') shown(shape, cut, (i) => long.push(digits(i).length))
  const telling = float ? values.filter((v) => Number.isFinite(v) && v !== 0) : values
  const width = Math.max(float ? 1 : 0, ...long, ...telling.map((v) => one(v).length))
  const text = (v: number) => (shape.length === 0 ? one(v) : one(v).padStart(width))
  const lines = (index: number[], indent: number): string => {
    const a = index.length
    if (a === shape.length)
      return dtype === 'int64'
        ? digits(index).padStart(shape.length === 0 ? 0 : width)
        : text(read(index))
    const parts = places(shape[a]!, cut)
    if (a === shape.length - 1) {
      const perLine = Math.max(1, Math.floor((settings.lineWidth - indent) / (width + 2)))
      const words = parts.map((i) => (i < 0 ? ' ...' : lines([...index, i], indent)))
      const rows: string[] = []
      for (let i = 0; i < words.length; i += perLine)
        rows.push(words.slice(i, i + perLine).join(', '))
      return `[${rows.join(`,\n${' '.repeat(indent + 1)}`)}]`
    }
    const gap = `,${'\n'.repeat(shape.length - 1 - a)}${' '.repeat(indent + 1)}`
    return `[${parts.map((i) => (i < 0 ? '...' : lines([...index, i], indent + 1))).join(gap)}]`
  }
  const notes: string[] = []
  if (sizeOf(shape) === 0 && shape.length !== 1) notes.push(`size=(${shape.join(', ')})`)
  // The types that numbers and booleans have by themselves are not named.
  if ((dtype !== 'float32' && dtype !== 'bool') || (dtype === 'bool' && sizeOf(shape) === 0))
    notes.push(`dtype=${dtype}`)
  if (t.gradNode) notes.push(`gradFn=<${t.gradNode.op.name}>`)
  else if (t.requiresGrad) notes.push('requiresGrad=true')
  const body = sizeOf(shape) === 0 ? '[]' : lines([], 'tensor('.length)
  return `tensor(${[body, ...notes].join(', ')})`
}

declare module '../core/extras.js' {
  interface Extras {
    format: typeof format
  }
}
