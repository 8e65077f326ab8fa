// @ts-check
import { avgPool2d, conv1d, conv2d, flip, maxPool2d, minPool2d, tensor } from 'nabla'

/** @typedef {{ picture: string, pixels: string, kernel: string, own: number[], stride: number, padding: number, pool: string, shift: number, series: 'drawn' | 'sound', signal: number[], sound: string, filter: string, flipped: boolean }} Settings */

/** @type {Record<string, number[]>} */
export const kernels = {
  sobelX: [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  sobelY: [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  laplace: [0, 1, 0, 1, -4, 1, 0, 1, 0],
  blur: [1, 2, 1, 2, 4, 2, 1, 2, 1].map((v) => v / 16),
  sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  identity: [0, 0, 0, 0, 1, 0, 0, 0, 0],
}
export const kernelOf = (/** @type {Settings} */ s) => kernels[s.kernel] ?? s.own

const SIDE = 28
/** A picture of 28 by 28 numbers from 0 to 1, moved to the right. @param {Settings} s */
export function picture({ picture, pixels, shift }) {
  /** @type {Record<string, (x: number, y: number) => boolean>} */
  const inside = {
    ring: (x, y) => Math.abs(Math.hypot(x - 13.5, y - 13.5) - 7.5) < 2,
    square: (x, y) => Math.max(Math.abs(x - 13.5), Math.abs(y - 13.5)) < 7,
    stripes: (x) => Math.floor(x / 4) % 2 === 0,
    cross: (x, y) => Math.abs(x - y) < 3 || Math.abs(x + y - 27) < 3,
  }
  /** The light at a place: of a picture of one's own two digits for each pixel. @param {number} x @param {number} y */
  const light = (x, y) =>
    picture === 'own'
      ? Number.parseInt(pixels.slice(2 * (y * SIDE + x), 2 * (y * SIDE + x) + 2) || '0', 16) / 255
      : Number(inside[picture]?.(x, y) ?? false)
  const rows = Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [(i % SIDE) - shift, Math.floor(i / SIDE)]
    return x >= 0 && x < SIDE ? light(x, y) : 0
  })
  return tensor(rows).reshape([1, 1, SIDE, SIDE])
}

/** The kernel over the picture, then the pool. @param {Settings} s */
export function convolved(s) {
  const x = picture(s)
  const map = conv2d(x, tensor(kernelOf(s)).reshape([1, 1, 3, 3]), null, {
    stride: s.stride,
    padding: s.padding,
  })
  const pooled =
    s.pool === 'max'
      ? maxPool2d(map, 2)
      : s.pool === 'min'
        ? minPool2d(map, 2)
        : s.pool === 'avg'
          ? avgPool2d(map, 2)
          : map
  return { x, map, pooled }
}

const LENGTH = 512
/** A drawn signal, or 64 ms of sound: recorded, with two digits for each number from -1 to 1, or a tone. @param {Settings} s */
export function signalOf({ series, signal, sound }) {
  if (series === 'drawn') return signal
  return Array.from({ length: LENGTH }, (_, i) =>
    sound === ''
      ? Math.sin((2 * Math.PI * i) / 32) * Math.exp(-i / 80)
      : (Number.parseInt(sound.slice(2 * i, 2 * i + 2), 16) - 128) / 127,
  )
}
/** The kernel of a signal of n numbers. @param {string} filter @param {number} n */
export function filterOf(filter, n) {
  if (filter === 'mean') return new Array(5).fill(1 / 5)
  if (filter === 'change') return [-1, 0, 1]
  // Once more, softer, after a while.
  if (filter === 'echo') return [1, ...new Array(Math.floor(n / 3) - 1).fill(0), 0.6]
  return [1, 2, 4]
}
/** A signal and a kernel over it. Networks do not flip the kernel; mathematics does. @param {Settings} s */
export function convolved1d(s) {
  const signal = signalOf(s)
  const kernel = tensor(filterOf(s.filter, signal.length))
  const used = s.flipped ? flip(kernel, [0]) : kernel
  return conv1d(tensor(signal).reshape([1, 1, -1]), used.reshape([1, 1, -1]), null, {
    padding: kernel.size - 1,
  })
}

/** @param {Settings} s */
export function main(s) {
  const { map, pooled } = convolved(s)
  console.log(
    'feature map',
    map.shape,
    'sum',
    map.abs().sum().item(),
    'pooled',
    pooled.shape,
    'sum',
    pooled.abs().sum().item(),
  )
  console.log('signal', convolved1d(s).toArray())
}
