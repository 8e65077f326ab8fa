// @ts-check
import { linspace, stack, tensor } from 'nabla'
import { det, svdvals } from 'nabla/linalg'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ a: number, b: number, c: number, d: number, fold: 'none' | 'relu' | 'tanh', layers: number }} Settings */

/** A grid of lines over -2 to 2, (lines, points, 2). */
export function grid() {
  const line = linspace(-2, 2, 41)
  const lines = []
  for (let k = -4; k <= 4; k++) {
    lines.push(stack([line, line.mul(0).add(k / 2)], 1), stack([line.mul(0).add(k / 2), line], 1))
  }
  return stack(lines)
}
/** The matrix. @param {Settings} s */
export const matrix = ({ a, b, c, d }) =>
  tensor([
    [a, b],
    [c, d],
  ])

/** The plane after the layers: a matrix, then a fold, so many times. @param {Settings} s @param {Tensor} points */
export function moved(s, points) {
  let h = points
  for (let i = 0; i < s.layers; i++) {
    h = h.matmul(matrix(s).transpose(0, 1))
    if (s.fold === 'relu') h = h.relu()
    if (s.fold === 'tanh') h = h.tanh()
  }
  return h
}

/** @param {Settings} s */
export function facts(s) {
  const m = matrix(s)
  return { det: det(m).item(), singular: [...svdvals(m).toTypedArray()] }
}

/** @param {Settings} s */
export function main(s) {
  const { det, singular } = facts(s)
  console.log('determinant', det, 'singular values', singular)
  console.log('(1, 0) goes to', moved(s, tensor([[1, 0]])).toArray())
}
