/** Convolution and pooling. */
import { type Shape, sizeOf } from '../../core/shape.js'
import { opcodes } from '../cpu/opcodes.js'
import { storedWords } from '../cpu/stored.js'
import { type Window, windowShape } from '../ir.js'
import * as plain from '../reference/windows.js'
import {
  type Inputs,
  indices,
  type PrimOf,
  type Records,
  shaped,
  type Typed,
  typeCode,
} from './record.js'

export interface WindowPrims {
  /** x (N, C, spatial), w (O, C/groups, kernel): cross-correlation. One to three spatial axes. */
  conv: { window: Window; groups: number }
  /** Gradient of conv by x: ct (N, O, out), w. shape is x's. (Also the transposed convolution.) */
  convInput: { window: Window; groups: number; shape: Shape }
  /** Gradient of conv by w: ct, x. shape is w's. */
  convWeight: { window: Window; groups: number; shape: Shape }
  /**
   * Max over windows of x (N, C, spatial); padding never wins. Second output, int32: the flat index into the spatial
   * axes of the first maximum of each window.
   */
  maxPool: { window: Window }
  /** Sum over windows, times a factor; padding counts zero. Its adjoint is sumPoolInput. */
  sumPool: { window: Window; factor: number }
  sumPoolInput: { window: Window; shape: Shape; factor: number }
  /** ct (N, C, out), index (N, C, out) flat spatial indices: zeros of `shape` with ct added at index. */
  maxPoolInput: { shape: Shape }
}

const pooled = ({ window }: PrimOf<'maxPool' | 'sumPool'>, [x]: Inputs): Typed => ({
  shape: [...x!.shape.slice(0, 2), ...windowShape(x!.shape.slice(2), window)],
  dtype: x!.dtype,
})
const poolFlops = ({ window }: PrimOf<'maxPool' | 'sumPool'>, _: unknown, out: Shape) =>
  sizeOf(out) * sizeOf(window.kernel)

/** Words of up to three axes, missing ones first. */
const three = (list: readonly number[], fill: number): number[] => [
  ...new Array<number>(3 - list.length).fill(fill),
  ...list,
]
const windowWords = ({ kernel, stride, dilation, padding }: Window): number[] => [
  ...three(kernel, 1),
  ...three(stride, 1),
  ...three(dilation, 1),
  ...three(
    padding.map(([before]) => before),
    0,
  ),
]
/** WINDOW of program.h. */
const poolWords = (input: Shape, output: Shape, window: Window): number[] => [
  input[0]! * input[1]!,
  ...three(input.slice(2), 1),
  ...three(output.slice(2), 1),
  ...windowWords(window),
]
/** GEOMETRY of program.h. */
const geometry = (
  { window, groups }: { window: Window; groups: number },
  x: Shape,
  w: Shape,
  y: Shape,
): number[] => [
  x[0]!,
  x[1]!,
  w[0]!,
  groups,
  ...three(x.slice(2), 1),
  ...three(y.slice(2), 1),
  ...windowWords(window),
]

export const windowPrims = {
  conv: {
    gives: ({ window }, [x, w]) => ({
      shape: [x!.shape[0]!, w!.shape[0]!, ...windowShape(x!.shape.slice(2), window)],
      dtype: x!.dtype,
    }),
    flops: (_, [, w], out) => 2 * sizeOf(out) * sizeOf(w!.shape.slice(1)),
    as: 'call',
    biasAxis: 1,
    batch: 'own',
    words: ({ prim, inputs: [x, w], outputs: [y], bias }) => [
      opcodes.CONV, typeCode(y), ...geometry(prim, x.shape, w.shape, y.shape), x, w, y, bias,
    ], // biome-ignore format: operands in the order of program.h
    reference: plain.conv,
  },
  convInput: {
    gives: shaped,
    flops: (_, [ct, w]) => 2 * sizeOf(ct!.shape) * sizeOf(w!.shape.slice(1)),
    as: 'call',
    batch: 'own',
    words: ({ prim, inputs: [y, w], outputs: [x] }) => [
      opcodes.CONV_INPUT, typeCode(x), ...geometry(prim, x.shape, w.shape, y.shape), y, w, x,
    ], // biome-ignore format: operands in the order of program.h
    reference: plain.convInput,
  },
  convWeight: {
    gives: shaped,
    flops: (_, [ct], out) => 2 * sizeOf(ct!.shape) * sizeOf(out.slice(1)),
    as: 'call',
    batch: 'own',
    words: ({ prim, inputs: [y, x], outputs: [w] }) => [
      opcodes.CONV_WEIGHT, typeCode(w), ...geometry(prim, x.shape, w.shape, y.shape), y, x, w,
    ], // biome-ignore format: operands in the order of program.h
    reference: plain.convWeight,
  },
  maxPool: {
    gives: pooled,
    more: (_, { shape }) => [indices(shape)],
    flops: poolFlops,
    as: 'call',
    batch: 'rows',
    words({ prim, inputs: [x], outputs: [y, index] }) {
      const words = poolWords(x.shape, (y ?? index).shape, prim.window)
      return [opcodes.MAX_POOL, typeCode(x), ...words, x, y, index]
    },
    reference: plain.maxPool,
  },
  sumPool: {
    gives: pooled,
    flops: poolFlops,
    as: 'call',
    batch: 'rows',
    words({ prim, inputs: [x], outputs: [y] }) {
      const words = [
        ...poolWords(x.shape, y.shape, prim.window),
        ...storedWords(prim.factor, 'float64'),
      ]
      return [opcodes.SUM_POOL, typeCode(y), ...words, x, y]
    },
    reference: plain.sumPool,
  },
  sumPoolInput: {
    gives: shaped,
    as: 'call',
    batch: 'rows',
    words({ prim, inputs: [y], outputs: [x] }) {
      const words = [
        ...poolWords(x.shape, y.shape, prim.window),
        ...storedWords(prim.factor, 'float64'),
      ]
      return [opcodes.SUM_POOL_INPUT, typeCode(x), ...words, y, x]
    },
    reference: plain.sumPoolInput,
  },
  maxPoolInput: {
    gives: shaped,
    as: 'call',
    checks: 'a place',
    batch: 'rows',
    words({ inputs: [y, index], outputs: [x], check }) {
      const cells = [y, x].map(({ shape }) => sizeOf(shape.slice(2)))
      const planes = x.shape[0]! * x.shape[1]!
      return [opcodes.MAX_POOL_INPUT, typeCode(x), planes, ...cells, y, index, x, check]
    },
    reference: plain.maxPoolInput,
  },
} satisfies Records<keyof WindowPrims>
