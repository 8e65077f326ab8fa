/** Affine maps whose weights have few bits: 4 or 8 by groups, or bfloat16. */
import { rare } from '../backends/prims.js'
import { type QuantizedRun, quantizedPrims } from '../backends/prims/quantized.js'
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape, sizeOf } from '../core/shape.js'
import { add, mul, sub } from './arithmetic.js'
import { bitwiseAnd, bitwiseRightShift } from './bitwise.js'
import { expand, permute, reshape, swap } from './broadcast.js'
import { arangeOp } from './creation.js'
import { defineOp, type Grads, toType } from './define.js'
import { indexSelect } from './indexing.js'
import { stack } from './join.js'
import { matmul } from './linalg.js'
import { narrow } from './slice.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

/** Columns of a panel (kernels/quantized.h). */
export const PANEL = 32

export interface QuantizedForm {
  /** Of a code; 16 is bfloat16. */
  bits: 4 | 8 | 16
  /** How many consecutive inputs have one scale: 8 to 256, a multiple of 8; not used for 16 bits. */
  groupSize: number
  inFeatures: number
  outFeatures: number
}
/** The parts of a weight: see `quantizeWeight`. */
export interface QuantizedParts {
  codes: Tensor
  scales: Tensor | null
  zeros: Tensor | null
}

/** Shapes of the parts. @throws ValueError for other bits and groups */
export function quantizedShapes(
  op: string,
  { bits, groupSize, inFeatures, outFeatures }: QuantizedForm,
): { codes: number[]; scales: number[] } {
  if (bits !== 4 && bits !== 8 && bits !== 16)
    throw new ValueError({ op, rule: 'bits must be 4, 8 or 16', got: `${bits}` })
  if (
    bits < 16 &&
    !(Number.isInteger(groupSize) && groupSize >= 8 && groupSize <= 256 && groupSize % 8 === 0)
  )
    // biome-ignore format: a line
    throw new ValueError({
      op,
      rule: 'groupSize must be a multiple of 8 from 8 to 256',
      got: `${groupSize}`,
    })
  const panels = Math.ceil(outFeatures / PANEL)
  const words = Math.ceil((inFeatures * bits) / 32)
  return {
    codes: [panels, words, PANEL, bits === 16 ? 2 : 4],
    scales: [panels, Math.ceil(inFeatures / groupSize), PANEL],
  }
}

/** The weight (out, in) that the parts stand for, float32. */
export function dequantized({ codes, scales, zeros }: QuantizedParts, form: QuantizedForm): Tensor {
  const { bits, groupSize, inFeatures, outFeatures } = form
  const [panels, words] = codes.shape as [number, number]
  const parts = bits === 4 ? stack([bitwiseAnd(codes, 15), bitwiseRightShift(codes, 4)], 4) : codes
  const per = 32 / bits
  // (panels, words, 32, codes) to (panels · 32, words · codes)
  const rows = (t: Tensor, n: number, each: number) =>
    reshape(permute(reshape(t, [panels, n, PANEL, each]), [0, 2, 1, 3]), [panels * PANEL, n * each])
  let w = rows(toType(parts, 'float32'), words, per)
  const cut = (t: Tensor) => narrow(narrow(t, 0, 0, outFeatures), 1, 0, inFeatures)
  if (!scales) return cut(w)
  const groups = scales.shape[1]!
  const spread = (t: Tensor) =>
    cut(rows(expand(reshape(t, [panels, groups, PANEL, 1]), [panels, groups, PANEL, groupSize]), groups, groupSize)) // biome-ignore format: a line
  w = cut(w)
  return mul(sub(w, zeros ? spread(toType(zeros, 'float32')) : 2 ** (bits - 1)), spread(scales))
}

const range = (n: number) => arangeOp(0, n, 1, 'int32')
/** Rows of the weight (out, in) that the parts stand for, by number: ids (...), result (..., in), float32. */
export function quantizedRows(
  ids: Tensor,
  { codes, scales, zeros }: QuantizedParts,
  form: QuantizedForm,
): Tensor {
  const { bits, groupSize, inFeatures, outFeatures } = form
  const L = ids.size
  // A row past the last lies in the last panel, and is none: the look-up refuses it.
  const row = reshape(indexSelect(range(outFeatures), 0, reshape(ids, [L])), [L, 1])
  const panel = bitwiseRightShift(row, 5)
  const column = bitwiseAnd(row, PANEL - 1)
  /** Of a part (panels, n, 32, each) those of the rows: (L, n · each). */
  const of = (part: Tensor, n: number, each: number) => {
    const at = add(mul(add(mul(panel, n), range(n)), PANEL), column) // (L, n)
    return reshape(indexSelect(reshape(part, [-1, each]), 0, reshape(at, [L * n])), [L, n * each])
  }
  const [, words, , each] = codes.shape as [number, number, number, number]
  const cut = (t: Tensor) => reshape(narrow(t, 1, 0, inFeatures), [...ids.shape, inFeatures])
  let c = of(codes, words, each)
  if (bits === 4)
    c = reshape(stack([bitwiseAnd(c, 15), bitwiseRightShift(c, 4)], 2), [L, 8 * words])
  const w = cut(toType(c, 'float32'))
  if (!scales) return w
  const groups = scales.shape[1]!
  const spread = (t: Tensor) =>
    cut(
      reshape(expand(reshape(of(t, groups, 1), [L, groups, 1]), [L, groups, groupSize]), [
        L,
        groups * groupSize,
      ]),
    )
  return mul(sub(w, zeros ? spread(toType(zeros, 'float32')) : 2 ** (bits - 1)), spread(scales))
}

interface Attributes extends QuantizedForm {
  parts: number
}
const partsOf = (list: readonly Tensor[], { bits, parts }: Attributes): QuantizedParts => ({
  codes: list[1]!,
  scales: bits < 16 ? list[2]! : null,
  zeros: parts === 3 ? list[3]! : null,
})

/**
 * x Wᵀ over the last axis of x, with W in codes of few bits. In float32 the codes are multiplied as they lie; x is
 * rounded to 15 bits of the largest of each group, which is far less than what the weights have lost. float64 multiplies
 * the dequantized weight. There is a gradient of x alone.
 *
 * Shapes: x (..., in), result (..., out); those of the parts: `quantizedShapes`.
 * @throws ShapeError when extents do not fit; DTypeError when codes are no uint8 (bfloat16 for 16 bits); ValueError for
 * other bits and groups
 */
export const quantizedMatmul = defineOp({
  name: 'quantizedMatmul',
  formula: 'y = x Wᵀ,  W = s (c − z) by groups,  dx = dy W',
  args: (x: Tensor, { codes, scales, zeros }: QuantizedParts, form: QuantizedForm) => {
    const op = 'quantizedMatmul'
    const shapes = quantizedShapes(op, form)
    const { bits, inFeatures } = form
    if (x.shape[x.rank - 1] !== inFeatures)
      throw new ShapeError({
        op,
        rule: `the last axis of x must be ${inFeatures}`,
        got: show(x.shape),
      })
    const wanted: [string, Tensor | null, number[], string][] = [
      ['codes', codes, shapes.codes, bits === 16 ? 'bfloat16' : 'uint8'],
      ['scales', scales, shapes.scales, 'float32'],
      ['zeros', zeros, shapes.scales, 'uint8'],
    ]
    for (const [name, t, shape, dtype] of wanted) {
      if (t && !sameShape(t.shape, shape))
        throw new ShapeError({ op, rule: `${name} must be ${show(shape)}`, got: show(t.shape) })
      if (t && t.dtype !== dtype)
        throw new DTypeError({ op, rule: `${name} must be ${dtype}`, got: t.dtype })
    }
    if ((bits === 16) !== !scales || (bits === 16 && zeros))
      throw new ValueError({ op, rule: 'codes of 4 and 8 bits have scales, those of 16 bits none' })
    const parts = [codes, scales, zeros].filter((t) => t !== null)
    return {
      inputs: [x, ...parts],
      attrs: { ...form, parts: parts.length } satisfies Attributes,
    }
  },
  forward: (list, attrs) => {
    const { bits, groupSize, inFeatures, outFeatures, parts } = attrs
    const x = list[0]!
    const shape = [...x.shape.slice(0, -1), outFeatures]
    if (x.dtype === 'float64' || x.size === 0 || outFeatures === 0)
      return matmul(x, swap(toType(dequantized(partsOf(list, attrs), attrs), x.dtype)))
    const run: QuantizedRun = {
      ...{ bits, columns: outFeatures, zeros: parts === 3 },
      group: bits === 16 ? 0 : groupSize,
    }
    const rows = reshape(toType(x, 'float32'), [sizeOf(shape.slice(0, -1)), inFeatures])
    const y = prim(rare(quantizedPrims, { op: 'quantized', ...run }), [rows, ...list.slice(1)]) // biome-ignore format: a line
    return reshape(toType(y, x.dtype), shape)
  },
  halves: true,
  vjp: (ct, list, _, attrs): Grads => {
    const weight = dequantized(partsOf(list, attrs), attrs)
    const dx = matmul(ct, toType(weight, ct.dtype))
    return [dx]
  },
  differentiable: [0],
  // 4 bits, one word: codes 9, 8, 7 and the middle 8, scale 2: weights 2, 0, −2.
  example: (m) => {
    const codes = Array.from({ length: PANEL }, (_, n) => (n === 0 ? [0x89, 0x87, 0x88, 0x88] : [0, 0, 0, 0])) // biome-ignore format: a line
    const scales = Array.from({ length: PANEL }, () => 2)
    const parts = {
      codes: m.of([[codes]], 'uint8'),
      scales: m.of([[scales]], 'float32'),
      zeros: null,
    }
    return [
      [m.of([[1, 5, 4]]), parts, { bits: 4, groupSize: 8, inFeatures: 3, outFeatures: 1 }],
      [[-6]],
    ]
  },
  samples: (m) => {
    const make = (form: QuantizedForm, zeros: boolean, ...rows: number[]) => {
      const { codes, scales } = quantizedShapes('samples', form)
      const bytes = (shape: number[], most: number) => m.int(shape, 0, most + 1, 'uint8')
      const half = form.bits === 16
      const parts = {
        codes: half ? m.float(codes, -2, 2, 'bfloat16') : bytes(codes, 255),
        scales: half ? null : m.float(scales, 0.1, 0.3, 'float32'),
        zeros: zeros ? bytes(scales, 2 ** form.bits - 1) : null,
      }
      return [m.float([...rows, form.inFeatures]), parts, form]
    }
    return [
      make({ bits: 8, groupSize: 8, inFeatures: 20, outFeatures: 3 }, false, 3),
      make({ bits: 4, groupSize: 16, inFeatures: 33, outFeatures: 35 }, true, 2, 2),
      make({ bits: 16, groupSize: 0, inFeatures: 5, outFeatures: 40 }, false, 2),
      make({ bits: 8, groupSize: 8, inFeatures: 8, outFeatures: 2 }, true, 0),
    ]
  },
})
