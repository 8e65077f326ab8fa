/** gridSample at places that are no numbers, infinite or huge: what PyTorch 1.13 gives. */
import { gradients, gridSample, tensor } from 'nabla'
import { describe, expect, test } from 'vitest'

const at = [Number.NaN, Infinity, -Infinity, 1e10, -1e10, 3e38, 1e6]
const nan = Number.NaN
/** Values for a grid of one place whose x is one of `at` and all else 0; pixels are 1, 2, 3 .. */
const expected: [axes: 2 | 3, mode: string, padding: string, values: number[]][] = [
  [2, 'bilinear', 'zeros', [nan, nan, nan, 0, 0, nan, 0]],
  [2, 'bilinear', 'border', [2.5, 4.5, 2.5, 4.5, 2.5, 4.5, 4.5]],
  [2, 'bilinear', 'reflection', [2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 3.5]],
  [2, 'nearest', 'zeros', [0, 0, 0, 0, 0, 0, 0]],
  [2, 'nearest', 'border', [1, 3, 1, 3, 1, 3, 3]],
  [2, 'nearest', 'reflection', [1, 1, 1, 1, 1, 1, 2]],
  [2, 'bicubic', 'zeros', [nan, nan, nan, 0, 0, nan, 0]],
  [2, 'bicubic', 'border', [nan, nan, nan, 4.5, 2.5, nan, 4.5]],
  [2, 'bicubic', 'reflection', [nan, nan, nan, 2.5, 2.5, nan, 3.5]],
  [3, 'bilinear', 'zeros', [0, 0, 0, 0, 0, 0, 0]],
  [3, 'bilinear', 'border', [7.5, 7.5, 5.5, 7.5, 5.5, 7.5, 7.5]],
  [3, 'bilinear', 'reflection', [7.5, 7.5, 7.5, 7, 7, 7.5, 6.5]],
  [3, 'nearest', 'zeros', [0, 0, 0, 0, 0, 0, 0]],
  [3, 'nearest', 'border', [12, 12, 10, 12, 10, 12, 12]],
  [3, 'nearest', 'reflection', [12, 12, 12, 12, 12, 12, 11]],
]

describe('gridSample', () => {
  test.each(expected)('of %i axes, %s, %s', (axes, mode, paddingMode, values) => {
    const shape = axes === 2 ? [1, 1, 2, 3] : [1, 1, 2, 2, 3]
    const size = shape.reduce((a, b) => a * b)
    const x = tensor(
      Float32Array.from({ length: size }, (_, i) => i + 1),
      { shape },
    )
    const have = at.map((v) => {
      const grid = tensor(Float32Array.from([v, ...new Array<number>(axes - 1).fill(0)]), {
        shape: [...new Array<number>(axes + 1).fill(1), axes],
      })
      return gridSample(x, grid, { mode, paddingMode } as never).item()
    })
    have.forEach((v, i) => {
      if (Number.isNaN(values[i]!)) expect(v, `at ${at[i]}`).toBeNaN()
      else expect(v, `at ${at[i]}`).toBeCloseTo(values[i]!, 5)
    })
  })

  test('a place that is no number takes nothing of the gradients of others', () => {
    const x = tensor([[[[1, 2, 3]]]], { requiresGrad: true })
    const grid = tensor([
      [
        [
          [nan, 0],
          [0, 0],
        ],
      ],
    ])
    const y = gridSample(x, grid, { mode: 'nearest' })
    expect(gradients([y.sum()], [x])[0]!.toArray()).toEqual([[[[0, 1, 0]]]])
  })
})
