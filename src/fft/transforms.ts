/** Transforms of one axis and of several. Complex numbers are pairs (real part, imaginary part) in a last axis of two. */
import { rare } from '../backends/prims.js'
import { linalgPrims } from '../backends/prims/linalg.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { normAxis, sizeOf } from '../core/shape.js'
import { mul } from '../ops/arithmetic.js'
import { permute, reshape } from '../ops/broadcast.js'
import { defineOp, type Grads, operand, type TensorLike } from '../ops/define.js'
import { concat, pad, stack } from '../ops/join.js'
import { flip } from '../ops/movement.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { prim } from '../ops/trace.js'

/** What is multiplied: 'backward' 1/n on the inverse, 'forward' 1/n on the transform, 'ortho' 1/√n on both. */
export type FftNorm = 'backward' | 'ortho' | 'forward'
export interface FftOptions {
  /** Length of the transformed axis: cut, or filled up with zeros. */
  n?: number
  /** -1 unless given; pairs do not count as an axis. */
  axis?: number
  norm?: FftNorm
}
export interface FftnOptions {
  /** Lengths of the transformed axes. */
  s?: readonly number[]
  /** All of them, or the last ones as `s` says, unless given. */
  axes?: readonly number[]
  norm?: FftNorm
}
const oneKinds = { n: kinds.count, axis: kinds.integer, norm: kinds.text }
const manyKinds = { s: kinds.any, axes: kinds.any, norm: kinds.text }

/** Sums of x exp(±2πi jk/n) along the axis before the pairs. */
const dft = defineOp({
  name: 'dft',
  formula: 'y[k] = Σⱼ x[j] exp(s 2πi jk/n),  dx = the same with −s',
  source: 'https://pytorch.org/docs/stable/generated/torch.fft.fft.html',
  args: (x: TensorLike, s: 1 | -1) => ({ inputs: [operand('fft', x, true)], attrs: { s } }),
  forward: ([x], { s }) => {
    const { shape } = x!
    const flat = reshape(x!, [sizeOf(shape.slice(0, -2)), ...shape.slice(-2)])
    return reshape(prim(rare(linalgPrims, { op: 'fft', sign: s }), [flat]), shape)
  },
  vjp: (ct, _inputs, _y, { s }): Grads => [dft(ct, s === 1 ? -1 : 1)],
  example: (m) => [
    [
      m.of([
        [1, 0],
        [2, 0],
        [3, 0],
        [4, 0],
      ]),
      -1,
    ],
    [
      [10, 0],
      [-2, 2],
      [-2, 0],
      [-2, -2],
    ],
  ],
  samples: (m) => [
    [m.float([4, 2]), -1],
    [m.float([2, 3, 5, 2]), 1],
    [m.float([37, 2]), -1],
    [m.float([0, 4, 2]), 1],
  ],
})

/** @throws ShapeError for what is no tensor of pairs */
function pairs(op: string, x: TensorLike): Tensor {
  const t = operand(op, x, true)
  if (t.rank < 2 || t.shape.at(-1) !== 2)
    throw new ShapeError({
      op,
      rule: 'complex numbers are pairs in a last axis of 2',
      got: show(t.shape),
      fix: 'fft.complex(re) makes pairs of real numbers; rfft takes real numbers as they are.',
    })
  return t
}
/**
 * Pairs of real and imaginary parts; the imaginary ones are 0 unless given.
 * @example fft.complex(tensor([1, 2])) // [[1, 0], [2, 0]]
 */
export const complex = (re: Tensor, im: Tensor = mul(re, 0)): Tensor => stack([re, im], -1)
/** The conjugates of pairs. @example fft.conj(tensor([[1, 2]])) // [[1, -2]] */
export const conj = (x: Tensor): Tensor => concat([real2(x), mul(imag2(x), -1)], -1)
const real2 = (x: Tensor): Tensor => narrow(x, -1, 0, 1)
const imag2 = (x: Tensor): Tensor => narrow(x, -1, 1, 1)
/** The real parts of pairs. @example fft.real(tensor([[1, 2]])) // [1] */
export const real = (x: Tensor): Tensor => reshape(real2(x), x.shape.slice(0, -1))
/** The imaginary parts of pairs. @example fft.imag(tensor([[1, 2]])) // [2] */
export const imag = (x: Tensor): Tensor => reshape(imag2(x), x.shape.slice(0, -1))
/** The factor of a transform of n elements. */
function factor(op: string, norm: FftNorm | undefined, n: number, inverse: boolean): number {
  const name = norm ?? 'backward'
  if (name !== 'backward' && name !== 'forward' && name !== 'ortho')
    throw new ValueError({ op, rule: "norm is 'backward', 'forward' or 'ortho'", got: `${norm}` })
  if (name === 'ortho') return 1 / Math.sqrt(n)
  return (name === 'backward') === inverse ? 1 / n : 1
}
const times = (x: Tensor, f: number): Tensor => (f === 1 ? x : mul(x, f))
const otherWay = (norm?: FftNorm): FftNorm =>
  norm === 'ortho' ? 'ortho' : norm === 'forward' ? 'backward' : 'forward'

/** The axis brought to the end (before the pairs), the work, and back. */
function along(x: Tensor, axis: number, inner: number, work: (x: Tensor) => Tensor): Tensor {
  const rank = x.rank - inner
  if (axis === rank - 1) return work(x)
  const order = [...Array(rank).keys()].filter((a) => a !== axis)
  const tail = Array.from({ length: inner }, (_, i) => rank + i)
  const y = work(permute(x, [...order, axis, ...tail]))
  const more = y.rank - rank
  const back = [...Array(rank).keys()].map((a) => (a === axis ? rank - 1 : order.indexOf(a)))
  return permute(y, [...back, ...Array.from({ length: more }, (_, i) => rank + i)])
}
/** The axis `at` cut or filled up to n. */
function fit(op: string, x: Tensor, at: number, n: number): Tensor {
  const have = x.shape[at]!
  if (!(n >= 1))
    throw new ShapeError({ op, rule: 'a transform has at least one element', got: `${n}` })
  if (have === n) return x
  if (have > n) return narrow(x, at, 0, n)
  // Widths begin with the last axis.
  const widths = Array.from({ length: 2 * (x.rank - at) }, () => 0)
  widths[widths.length - 1] = n - have
  return pad(x, widths)
}
function one(op: string, x: Tensor, o: FftOptions, inverse: boolean): Tensor {
  const axis = normAxis(op, o.axis ?? -1, x.rank - 1)
  const n = o.n ?? x.shape[axis]!
  const f = factor(op, o.norm, n, inverse)
  return along(x, axis, 1, (y) => times(dft(fit(op, y, y.rank - 2, n), inverse ? 1 : -1), f))
}

/**
 * The discrete Fourier transform of pairs, y[k] = Σⱼ x[j] exp(−2πi jk/n), any length n.
 *
 * Shapes: (..., n, ..., 2) to the same, the axis as long as `n` says.
 * https://pytorch.org/docs/stable/generated/torch.fft.fft.html
 * @example fft.fft(fft.complex(tensor([1, 2, 3, 4]))) // [[10, 0], [-2, 2], [-2, 0], [-2, -2]]
 */
export const fft = (x: Tensor, options: FftOptions = {}): Tensor =>
  one('fft', pairs('fft', x), readOptions<FftOptions>('fft', [options], oneKinds), false)
/** The inverse of `fft`. @example fft.ifft(tensor([[3, 0], [-1, 0]])) // [[1, 0], [2, 0]] */
export const ifft = (x: Tensor, options: FftOptions = {}): Tensor =>
  one('ifft', pairs('ifft', x), readOptions<FftOptions>('ifft', [options], oneKinds), true)

function realForward(op: string, x: Tensor, n: number): Tensor {
  const y = fit(op, x, x.rank - 1, n)
  return narrow(dft(complex(y), -1), -2, 0, Math.floor(n / 2) + 1)
}
/** Of the first n/2 + 1 pairs; the imaginary parts of frequency 0 and, where n is even, of the last one do not count. */
function realInverse(op: string, x: Tensor, n: number): Tensor {
  const half = Math.floor(n / 2) + 1
  const y = fit(op, x, x.rank - 2, half)
  const alone = (t: Tensor) => concat([real2(t), mul(imag2(t), 0)], -1)
  const between = narrow(y, -2, 1, n - half)
  const parts = [alone(narrow(y, -2, 0, 1)), between]
  if (n % 2 === 0) parts.push(alone(narrow(y, -2, half - 1, 1)))
  const whole = concat([...parts, conj(flip(between, -2))], -2)
  return mul(real(dft(whole, 1)), 1 / n)
}

function oneReal(op: string, x: Tensor, o: FftOptions): Tensor {
  const t = operand(op, x, true)
  const axis = normAxis(op, o.axis ?? -1, t.rank)
  const n = o.n ?? t.shape[axis]!
  const f = factor(op, o.norm, n, false)
  return along(t, axis, 0, (y) => times(realForward(op, y, n), f))
}
function oneBack(op: string, x: Tensor, o: FftOptions): Tensor {
  const axis = normAxis(op, o.axis ?? -1, x.rank - 1)
  const n = o.n ?? 2 * (x.shape[axis]! - 1)
  const f = factor(op, o.norm, n, true) * n
  return along(x, axis, 1, (y) => times(realInverse(op, y, n), f))
}
/**
 * The transform of real numbers: the first n/2 + 1 pairs, of which the others are the conjugates.
 *
 * Shapes: (..., n, ...) to (..., n/2 + 1, ..., 2). https://pytorch.org/docs/stable/generated/torch.fft.rfft.html
 * @example fft.rfft(tensor([1, 2, 3, 4])) // [[10, 0], [-2, 2], [-2, 0]]
 */
export const rfft = (x: Tensor, options: FftOptions = {}): Tensor =>
  oneReal('rfft', x, readOptions<FftOptions>('rfft', [options], oneKinds))
/** The inverse of `rfft`; say n where it is odd. @example fft.irfft(tensor([[10, 0], [-2, 2], [-2, 0]])) // [1, 2, 3, 4] */
export const irfft = (x: Tensor, options: FftOptions = {}): Tensor =>
  oneBack('irfft', pairs('irfft', x), readOptions<FftOptions>('irfft', [options], oneKinds))
/** The (real) transform of pairs whose second half would be the conjugates. @example fft.hfft(tensor([[1, 0], [2, 0], [1, 0]])) // [6, 0, -2, 0] */
export const hfft = (x: Tensor, options: FftOptions = {}): Tensor => {
  const o = readOptions<FftOptions>('hfft', [options], oneKinds)
  return oneBack('hfft', conj(pairs('hfft', x)), { ...o, norm: otherWay(o.norm) })
}
/** The inverse of `hfft`. @example fft.ihfft(tensor([6, 0, -2, 0])) // [[1, 0], [2, 0], [1, 0]] */
export const ihfft = (x: Tensor, options: FftOptions = {}): Tensor => {
  const o = readOptions<FftOptions>('ihfft', [options], oneKinds)
  return conj(oneReal('ihfft', x, { ...o, norm: otherWay(o.norm) }))
}

/** Axes and lengths of a transform over several; `rank` without the pairs. */
function several(op: string, shape: readonly number[], rank: number, o: FftnOptions) {
  const count = o.s?.length ?? rank
  const axes = (o.axes ?? Array.from({ length: count }, (_, i) => rank - count + i)).map((a) =>
    normAxis(op, a, rank),
  )
  if (o.s && o.s.length !== axes.length)
    throw new ShapeError({
      op,
      rule: 's has a length for each of the axes',
      got: `${show(o.s)} for axes ${show(axes)}`,
    })
  return axes.map((axis, i) => ({ axis, n: o.s && o.s[i] !== -1 ? o.s[i]! : shape[axis]! }))
}
function nd(op: string, x: Tensor, o: FftnOptions, inverse: boolean): Tensor {
  let y = x
  for (const { axis, n } of several(op, x.shape, x.rank - 1, o))
    y = one(op, y, { axis, n, ...(o.norm && { norm: o.norm }) }, inverse)
  return y
}
function ndReal(op: string, x: Tensor, o: FftnOptions): Tensor {
  const t = operand(op, x, true)
  const list = several(op, t.shape, t.rank, o)
  const last = list.pop()
  if (!last) throw new ShapeError({ op, rule: 'at least one axis is transformed', got: 'none' })
  const norm = o.norm && { norm: o.norm }
  let y = oneReal(op, t, { ...last, ...norm })
  for (const each of list.reverse()) y = one(op, y, { ...each, ...norm }, false)
  return y
}
function ndBack(op: string, x: Tensor, o: FftnOptions): Tensor {
  const list = several(op, x.shape, x.rank - 1, o)
  const last = list.pop()
  if (!last) throw new ShapeError({ op, rule: 'at least one axis is transformed', got: 'none' })
  const norm = o.norm && { norm: o.norm }
  let y = x
  for (const each of list) y = one(op, y, { ...each, ...norm }, true)
  const n = o.s && o.s.at(-1) !== -1 ? o.s.at(-1)! : 2 * (x.shape[last.axis]! - 1)
  return oneBack(op, y, { axis: last.axis, n, ...norm })
}
const many = (op: string, options: FftnOptions) =>
  readOptions<FftnOptions>(op, [options], manyKinds)
const lastTwo = (o: FftnOptions): FftnOptions => ({ axes: [-2, -1], ...o })

/** `fft` over several axes. @example fft.fftn(fft.complex(tensor([[1, 2], [3, 4]]))) // [[[10, 0], [-2, 0]], [[-4, 0], [0, 0]]] */
export const fftn = (x: Tensor, options: FftnOptions = {}): Tensor =>
  nd('fftn', pairs('fftn', x), many('fftn', options), false)
/** The inverse of `fftn`. */
export const ifftn = (x: Tensor, options: FftnOptions = {}): Tensor =>
  nd('ifftn', pairs('ifftn', x), many('ifftn', options), true)
/** `fftn` over the last two axes unless others are named. */
export const fft2 = (x: Tensor, options: FftnOptions = {}): Tensor =>
  nd('fft2', pairs('fft2', x), lastTwo(many('fft2', options)), false)
/** The inverse of `fft2`. */
export const ifft2 = (x: Tensor, options: FftnOptions = {}): Tensor =>
  nd('ifft2', pairs('ifft2', x), lastTwo(many('ifft2', options)), true)
/** `rfft` over the last of several axes, `fft` over the others. @example fft.rfftn(tensor([[1, 2], [3, 4]])) // [[[10, 0], [-2, 0]], [[-4, 0], [0, 0]]] */
export const rfftn = (x: Tensor, options: FftnOptions = {}): Tensor =>
  ndReal('rfftn', x, many('rfftn', options))
/** The inverse of `rfftn`; `s` says the last length where it is odd. */
export const irfftn = (x: Tensor, options: FftnOptions = {}): Tensor =>
  ndBack('irfftn', pairs('irfftn', x), many('irfftn', options))
/** `rfftn` over the last two axes unless others are named. */
export const rfft2 = (x: Tensor, options: FftnOptions = {}): Tensor =>
  ndReal('rfft2', x, lastTwo(many('rfft2', options)))
/** The inverse of `rfft2`. */
export const irfft2 = (x: Tensor, options: FftnOptions = {}): Tensor =>
  ndBack('irfft2', pairs('irfft2', x), lastTwo(many('irfft2', options)))
/** `hfft` over the last of several axes, `fft` over the others. */
export const hfftn = (x: Tensor, options: FftnOptions = {}): Tensor => {
  const o = many('hfftn', options)
  return ndBack('hfftn', conj(pairs('hfftn', x)), { ...o, norm: otherWay(o.norm) })
}
/** The inverse of `hfftn`. */
export const ihfftn = (x: Tensor, options: FftnOptions = {}): Tensor => {
  const o = many('ihfftn', options)
  return conj(ndReal('ihfftn', x, { ...o, norm: otherWay(o.norm) }))
}
/** `hfftn` over the last two axes unless others are named. */
export const hfft2 = (x: Tensor, options: FftnOptions = {}): Tensor => {
  const o = lastTwo(many('hfft2', options))
  return ndBack('hfft2', conj(pairs('hfft2', x)), { ...o, norm: otherWay(o.norm) })
}
/** The inverse of `hfft2`. */
export const ihfft2 = (x: Tensor, options: FftnOptions = {}): Tensor => {
  const o = lastTwo(many('ihfft2', options))
  return conj(ndReal('ihfft2', x, { ...o, norm: otherWay(o.norm) }))
}
