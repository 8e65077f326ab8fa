import { compile, type Tensor } from 'nabla'
import type { Session } from '../engine/session.js'
import { attention, type Settings } from './attention.program.js'

export interface Matrix {
  data: Float32Array
  rows: number
  columns: number
}
export interface Frame {
  words: string[]
  x: Matrix
  q: Matrix
  k: Matrix
  v: Matrix
  /** By head. */
  scores: Matrix[]
  weights: Matrix[]
  output: Matrix
  sum: number
  /** 64 positions of 32 numbers, and the products of each with each. */
  positions: Matrix
  products: Matrix
}

function matrix(t: Tensor): Matrix {
  const [rows = 0, columns = 0] = t.shape
  return { data: t.contiguous().toTypedArray<Float32Array>(), rows, columns }
}
const each = (t: Tensor) => Array.from({ length: t.shape[0]! }, (_, i) => matrix(t.select(0, i)))
const products = compile((p: Tensor) => p.matmul(p.transpose(0, 1)))

export function create(s: Settings): Session<Frame> {
  const a = attention(s)
  const frame = {
    words: a.words,
    x: matrix(a.x),
    q: matrix(a.q),
    k: matrix(a.k),
    v: matrix(a.v),
    scores: each(a.scores),
    weights: each(a.weights),
    output: matrix(a.output),
    sum: a.output.sum().item(),
    positions: matrix(a.positions),
    products: matrix(products(a.positions)),
  }
  return { frame: () => frame }
}
