/** Tensors made from nothing, and from random bits. */
import { expand } from './broadcast.js'
import { add, mul, where } from './arithmetic.js'
import type { DType } from '../core/dtype.js'
import { ValueError } from '../core/errors.js'
import { checkShape, type Shape } from '../core/shape.js'
import { eq, lt } from './compare.js'
import { defineOp, requireType, toType } from './define.js'
import { map } from './forms.js'
import { cos, log, sqrt } from './functions.js'
import { select } from './slice.js'
import type { Tensor } from './tensor.js'
import { constant, iota, prim } from './trace.js'

/** A tensor of one value. @example full([2], 7) // [7, 7] */
export const full = defineOp({
  name: 'full',
  formula: 'y[i] = value',
  args: (shape: Shape, value: number | boolean, dtype: DType = 'float32') => {
    checkShape('full', shape)
    return { inputs: [], attrs: { shape: [...shape], value: Number(value), dtype } }
  },
  // A copy, so that the eager result is memory of its own and can be written to.
  forward: (_inputs, { shape, value, dtype }) => map('copy', expand(constant(value, dtype), shape)),
  differentiable: false,
  example: () => [
    [[2], 7],
    [7, 7],
  ],
  samples: () => [
    [[2, 3], 0.5],
    [[], 1],
    [[0, 2], 1],
    [[3], -2, 'int32'],
    [[2], true, 'bool'],
  ],
})

/** start, start + step, .. below end. @example arange(1, 4) // [1, 2, 3] */
export const arangeOp = defineOp({
  name: 'arange',
  formula: 'y[i] = start + i · step',
  args: (start: number, end: number, step: number, dtype: DType = 'float32') => {
    const length = Math.ceil((end - start) / step)
    if (!(step !== 0 && Number.isFinite(length)))
      throw new ValueError({
        op: 'arange',
        rule: 'step must not be 0 and the bounds must be finite',
        got: `${start} to ${end} by ${step}`,
      })
    return { inputs: [], attrs: { start, step, n: Math.max(0, length), dtype } }
  },
  forward: (_inputs, { start, step, n, dtype }) => {
    const i = toType(iota([n], 0), dtype)
    return add(mul(i, constant(step, dtype)), constant(start, dtype))
  },
  differentiable: false,
  example: () => [
    [1, 4, 1],
    [1, 2, 3],
  ],
  samples: () => [
    [0, 5, 1],
    [0, 1, 0.25],
    [5, 0, -2, 'int32'],
    [3, 3, 1],
  ],
})

/** `steps` numbers from start to end, both included. @example linspace(0, 1, 3) // [0, 0.5, 1] */
export const linspaceOp = defineOp({
  name: 'linspace',
  formula: 'y[i] = start + i (end − start)/(steps − 1)',
  args: (start: number, end: number, steps: number, dtype: DType = 'float32') => {
    if (!(Number.isInteger(steps) && steps >= 0))
      throw new ValueError({
        op: 'linspace',
        rule: 'steps must be a whole number',
        got: `${steps}`,
      })
    return { inputs: [], attrs: { start, end, steps, dtype } }
  },
  // From both ends inward, so that both are exact.
  forward: (_inputs, { start, end, steps, dtype }) => {
    const step = steps > 1 ? (end - start) / (steps - 1) : 0
    const index = iota([steps], 0)
    const up = add(mul(toType(index, dtype), constant(step, dtype)), constant(start, dtype))
    const left = map('sub', constant(steps - 1, 'int32'), index)
    const down = map('sub', constant(end, dtype), mul(toType(left, dtype), constant(step, dtype)))
    return where(lt(index, Math.max(1, Math.floor(steps / 2))), up, down)
  },
  differentiable: false,
  example: () => [
    [0, 1, 3],
    [0, 0.5, 1],
  ],
  samples: () => [
    [0, 1, 11],
    [2, -2, 4],
    [3, 9, 1],
    [0, 1, 0],
  ],
})

/** Ones on the diagonal. @example eye(2) // [[1, 0], [0, 1]] */
export const eyeOp = defineOp({
  name: 'eye',
  formula: 'y[i][j] = [i = j]',
  args: (rows: number, cols: number = rows, dtype: DType = 'float32') => {
    checkShape('eye', [rows, cols])
    return { inputs: [], attrs: { shape: [rows, cols], dtype } }
  },
  forward: (_inputs, { shape, dtype }) => toType(eq(iota(shape, 0), iota(shape, 1)), dtype),
  differentiable: false,
  example: () => [
    [2],
    [
      [1, 0],
      [0, 1],
    ],
  ],
  samples: () => [[3], [2, 4], [0], [2, 2, 'int32']],
})

/**
 * Random bits (int32) from a generator's state, int32[3]: key low, key high, draw. Philox4x32-10, the same on every
 * backend (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
 */
export const randomBits = defineOp({
  name: 'randomBits',
  formula: 'y[i] = word i mod 4 of Philox(key, (⌊i/4⌋, draw))',
  source: 'https://doi.org/10.1145/2063384.2063405',
  args: (generator: Tensor, shape: Shape) => {
    requireType('randomBits', generator, 'int32')
    checkShape('random', shape)
    return { inputs: [generator], attrs: { shape: [...shape] } }
  },
  forward: ([state], { shape }) => prim({ op: 'random', shape }, [state!]),
  differentiable: false,
  // The known answer of Random123 for key 0 and counter 0: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
  example: (m) => [
    [m.of([0, 0, 0], 'int32'), [4]],
    [0x6627e8d5, 0xe169c58d | 0, 0xbc57ac4c | 0, 0x9b00dbd8 | 0],
  ],
  samples: (m) => [
    [m.of([1, 2, 3], 'int32'), [2, 5]],
    [m.of([7, 0, 0], 'int32'), []],
    [m.of([7, 0, 0], 'int32'), [0]],
  ],
})

/** Bits as floats in [0, 1), 24 bits each. */
export const bitsToUniform = defineOp({
  name: 'bitsToUniform',
  formula: 'y = ⌊bits / 2⁸⌋ · 2⁻²⁴',
  args: (bits: Tensor) => {
    requireType('bitsToUniform', bits, 'int32')
    return { inputs: [bits], attrs: {} }
  },
  forward: ([bits]) =>
    map(
      'mul',
      prim({ op: 'map', fn: 'cast' }, [map('shr', bits!, constant(8, 'int32'))], 'float32'),
      constant(2 ** -24),
    ),
  differentiable: false,
  example: (m) => [[m.of([0, -1], 'int32')], [0, 1 - 2 ** -24]],
  samples: (m) => [[m.int([3, 4], -(2 ** 31), 2 ** 31 - 1)]],
})

/** Uniform numbers in [lo, hi) from a generator's state, as one program. */
export const randomUniform = defineOp({
  name: 'randomUniform',
  formula: 'y = (hi − lo) u + lo,  u = ⌊bits / 2⁸⌋ · 2⁻²⁴',
  args: (generator: Tensor, shape: Shape, lo: number = 0, hi: number = 1) => {
    requireType('uniform', generator, 'int32')
    checkShape('uniform', shape)
    return { inputs: [generator], attrs: { shape: [...shape], lo, hi } }
  },
  forward: ([state], { shape, lo, hi }) => {
    const u = bitsToUniform(randomBits(state!, shape))
    return lo === 0 && hi === 1 ? u : add(mul(u, hi - lo), lo)
  },
  differentiable: false,
  // The first words of randomBits' example: 0x6627e8 / 2^24 and 0xe169c5 / 2^24.
  example: (m) => [
    [m.of([0, 0, 0], 'int32'), [2], 1, 3],
    [1 + (2 * 0x6627e8) / 2 ** 24, 1 + (2 * 0xe169c5) / 2 ** 24],
  ],
  samples: (m) => [
    [m.of([1, 2, 3], 'int32'), [2, 5]],
    [m.of([7, 0, 0], 'int32'), [3], -0.1, 0.1],
    [m.of([7, 0, 0], 'int32'), [0]],
  ],
})

/** Pairs of bits (first axis of extent 2) as standard normal numbers, by Box and Muller's method. */
export const bitsToNormal = defineOp({
  name: 'bitsToNormal',
  formula: 'y = √(−2 ln(1 − u₀)) cos 2πu₁',
  source: 'https://doi.org/10.1214/aoms/1177706645',
  args: (bits: Tensor) => {
    requireType('bitsToNormal', bits, 'int32')
    return { inputs: [bits], attrs: {} }
  },
  forward: ([bits]) => {
    const u = bitsToUniform(bits!)
    const radius = sqrt(mul(log(map('sub', constant(1), select(u, 0, 0))), -2))
    return mul(radius, cos(mul(select(u, 0, 1), 2 * Math.PI)))
  },
  differentiable: false,
  // u = (0.5, 0) gives √(2 ln 2).
  example: (m) => [[m.of([[2 ** 31 - 2 ** 32], [0]], 'int32')], [Math.sqrt(2 * Math.LN2)]],
  samples: (m) => [[m.int([2, 7], -(2 ** 31), 2 ** 31 - 1)], [m.int([2, 0], 0, 9)]],
})
