/** Bytes as numbers: what data sets of images are made of. */
import { rare } from '../backends/prims.js'
import { indexingPrims } from '../backends/prims/indexing.js'
import { ShapeError } from '../core/errors.js'
import { show } from '../core/shape.js'
import { defineOp, requireType } from './define.js'
import { map } from './forms.js'
import type { Tensor } from './tensor.js'
import { constant, prim } from './trace.js'

/**
 * Rows of bytes, four to a word with the lowest first, taken by index and scaled: (y / 255 − mean) / std.
 * Shapes: words (N, w) and index (B), both int32, to float32 (B, 4w).
 * @throws ShapeError, DTypeError; IndexError while running for a row that is not there
 */
export const takeBytes = defineOp({
  name: 'takeBytes',
  formula: 'y[i, 4j + b] = ((words[index[i], j] >> 8b) mod 256 / 255 − mean) / std',
  args: (words: Tensor, index: Tensor, mean: number = 0, std: number = 1) => {
    requireType('takeBytes', words, 'int32')
    requireType('takeBytes', index, 'int32')
    if (words.rank !== 2 || index.rank !== 1)
      throw new ShapeError({
        op: 'takeBytes',
        rule: 'words have two axes and the index one',
        got: `${show(words.shape)} and ${show(index.shape)}`,
      })
    return { inputs: [words, index], attrs: { mean, std } }
  },
  forward: ([words, index], { mean, std }) => {
    const taken = prim(rare(indexingPrims, { op: 'take', axis: 0 }), [words!, index!])
    const [rows, width] = taken.shape as [number, number]
    const bytes = [0, 8, 16, 24].map((shift) => {
      const down = shift === 0 ? taken : map('shr', taken, constant(shift, 'int32'))
      const byte = map('and', down, constant(255, 'int32'))
      let y = map('div', prim({ op: 'map', fn: 'cast' }, [byte], 'float32'), constant(255))
      if (mean !== 0) y = map('sub', y, constant(mean))
      if (std !== 1) y = map('div', y, constant(std))
      return prim({ op: 'reshape', shape: [rows, width, 1] }, [y])
    })
    return prim({ op: 'reshape', shape: [rows, 4 * width] }, [
      prim({ op: 'concat', axis: 2 }, bytes),
    ])
  },
  differentiable: false,
  // 0xff008033 has the bytes 51, 128, 0, 255.
  example: (m) => [
    [m.of([[7], [0xff008033 | 0]], 'int32'), m.of([1], 'int32')],
    [[0.2, 128 / 255, 0, 1]],
  ],
  samples: (m) => [
    [m.int([3, 2], -(2 ** 31), 2 ** 31 - 1), m.of([2, 0, 2, 1], 'int32')],
    [m.int([2, 5], -(2 ** 31), 2 ** 31 - 1), m.of([1], 'int32'), 0.25, 0.5],
    [m.int([2, 5], -(2 ** 31), 2 ** 31 - 1), m.int([0], 0, 1)],
  ],
})
