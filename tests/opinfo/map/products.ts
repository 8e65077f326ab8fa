import * as nabla from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

const scales = (a: Bound) => ({ beta: a.beta, alpha: a.alpha })

export const products: Family = {
  addmm: on('input mat1 mat2 beta alpha', (a) => nabla.addmm(a.input, a.mat1, a.mat2, scales(a))),
  baddbmm: on('input batch1 batch2 beta alpha', (a) =>
    nabla.baddbmm(a.input, a.batch1, a.batch2, scales(a)),
  ),
  cross: on('input other dim', (a) => nabla.cross(a.input, a.other, a.dim)),
  dot: on('input other', (a) => nabla.dot(a.input, a.other)),
  einsum: on('tensors equation', (a) => nabla.einsum(a.equation, ...(a.tensors as nabla.Tensor[]))),
  kron: on('input other', (a) => nabla.kron(a.input, a.other)),
  matmul: on('input other', (a) => nabla.matmul(a.input, a.other)),
  outer: on('input vec2', (a) => nabla.outer(a.input, a.vec2)),
  tensordot: on('input other dims', (a) => nabla.tensordot(a.input, a.other, a.dims)),
  trace: on('input', (a) => nabla.trace(a.input)),
  addbmm: on('input batch1 batch2 beta alpha', (a) =>
    nabla.addbmm(a.input, a.batch1, a.batch2, scales(a)),
  ),
  addmv: on('input mat vec beta alpha', (a) => nabla.addmv(a.input, a.mat, a.vec, scales(a))),
  addr: on('input vec1 vec2 beta alpha', (a) => nabla.addr(a.input, a.vec1, a.vec2, scales(a))),
  bmm: on('input mat2', (a) => nabla.bmm(a.input, a.mat2)),
  inner: on('input other', (a) => nabla.inner(a.input, a.other)),
  mm: on('input mat2', (a) => nabla.mm(a.input, a.mat2)),
  mv: on('input vec', (a) => nabla.mv(a.input, a.vec)),
  vdot: on('input other', (a) => nabla.vdot(a.input, a.other)),
}
