import * as nabla from 'nabla'
import type { Tensor } from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

const typed = (a: Bound) => ({ dtype: a.dtype })
const given = (a: Bound) => (a.dtype === undefined ? {} : { dtype: a.dtype as nabla.DType })
const cast = (dtype: nabla.DType) => on('input', (a) => nabla.cast(a.input, dtype))

const number = (v: unknown) => (v === undefined ? undefined : Number(v))
const isTensor = (v: unknown): v is Tensor => v instanceof nabla.Tensor

export const create: Family = {
  arange: on(
    'start end step dtype',
    (a) =>
      a.end === undefined
        ? nabla.arange(a.start, typed(a))
        : nabla.arange(Number(a.start), Number(a.end), number(a.step), typed(a)),
    {
      differs: (a) =>
        a.dtype === undefined &&
        [a.start, a.end, a.step].every((v) => v === undefined || Number.isInteger(v))
          ? 'numbers of JavaScript do not tell 3 from 3.0: arange gives float32 unless a type is named (0003)'
          : undefined,
    },
  ),
  bfloat16: cast('bfloat16'),
  bool: cast('bool'),
  byte: cast('uint8'),
  char: cast('int8'),
  half: cast('float16'),
  long: cast('int64'),
  double: cast('float64'),
  float: cast('float32'),
  int: cast('int32'),
  eye: on('n m dtype', (a) => nabla.eye(a.n, a.m, typed(a))),
  full_like: on('input fill_value dtype', (a) => nabla.fullLike(a.input, a.fill_value, typed(a))),
  linspace: on('start end steps dtype', (a) => nabla.linspace(a.start, a.end, a.steps, typed(a))),
  ones: on('size dtype', (a) => nabla.ones(a.size, typed(a))),
  ones_like: on('input dtype', (a) => nabla.onesLike(a.input, typed(a))),
  to: on('input a b c d', (a) => {
    const given = [a.a, a.b, a.c, a.d] as unknown[]
    const target = given.find((v) => (typeof v === 'string' && v !== 'cpu') || isTensor(v))
    const dtype = (isTensor(target) ? target.dtype : target) as nabla.DType | undefined
    return dtype ? (a.input as Tensor).to(dtype) : a.input
  }),
  zeros: on('size dtype', (a) => nabla.zeros(a.size, typed(a))),
  zero_: on('input', (a) => nabla.zerosLike(a.input)),
  zeros_like: on('input dtype', (a) => nabla.zerosLike(a.input, typed(a))),
  empty: { ...on('size dtype', (a) => nabla.empty(a.size, typed(a))) },
  empty_like: on('input dtype', (a) => nabla.emptyLike(a.input, typed(a))),
  logspace: on('start end steps base dtype', (a) =>
    nabla.logspace(a.start, a.end, a.steps, { base: a.base, dtype: a.dtype }),
  ),
  new_empty: on('input size dtype', (a) => nabla.newEmpty(a.input, a.size, given(a))),
  new_full: on('input size fill_value dtype', (a) =>
    nabla.newFull(a.input, a.size, a.fill_value, given(a)),
  ),
  new_ones: on('input size dtype', (a) => nabla.newOnes(a.input, a.size, given(a))),
  new_zeros: on('input size dtype', (a) => nabla.newZeros(a.input, a.size, given(a))),
  tril_indices: on('row col offset dtype', (a) => {
    void a.dtype // Indices are int32.
    return nabla.trilIndices(a.row, a.col, a.offset)
  }),
  triu_indices: on('row col offset dtype', (a) => {
    void a.dtype
    return nabla.triuIndices(a.row, a.col, a.offset)
  }),
}
