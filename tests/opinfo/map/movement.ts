import * as nabla from 'nabla'
import type { Tensor } from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

type One = (x: never) => unknown
const unary = (f: One) => on('input', (a) => f(a.input))
const list = (f: (tensors: never) => unknown) => on('tensors', (a) => f(a.tensors))
/** PyTorch takes extents as one list or one by one. */
const many = (first: unknown, rest: readonly unknown[] | undefined) =>
  (Array.isArray(first) ? first : first === undefined ? [] : [first, ...(rest ?? [])]) as number[]
const all = (a: Bound) =>
  [a.input, ...((a.others as Tensor[] | undefined) ?? [])].flat() as Tensor[]
const places = (v: unknown) =>
  (v as { toTypedArray?: () => Iterable<number> })?.toTypedArray
    ? [...(v as Tensor).toTypedArray()]
    : (v as number[])

const range = (a: Bound) => ({
  start: (a.start ?? null) as number | null,
  end: (a.end ?? null) as number | null,
  step: (a.step ?? 1) as number,
})

export const movement: Family = {
  diag_embed: on('input offset dim1 dim2', (a) =>
    nabla.diagEmbed(a.input, a.offset, a.dim1, a.dim2),
  ),
  diagflat: on('input offset', (a) => nabla.diagflat(a.input, a.offset)),
  fliplr: unary(nabla.fliplr),
  flipud: unary(nabla.flipud),
  mT: unary(nabla.matrixTranspose),
  mH: unary(nabla.matrixTranspose),
  T: on('input', (a) => (a.input as Tensor).t()),
  H: on('input', (a) => (a.input as Tensor).t()),
  select_scatter: on('input src dim index', (a) =>
    nabla.selectScatter(a.input, a.src, a.dim, a.index),
  ),
  slice: on('input dim start end step', (a) =>
    nabla.at(a.input, ...new Array<null>((a.dim as number | undefined) ?? 0).fill(null), range(a)),
  ),
  slice_scatter: on('input src dim start end step', (a) =>
    nabla.sliceScatter(a.input, a.src, a.dim, range(a)),
  ),
  atleast_1d: on('input *others', (a) => spread(a, nabla.atleast1d)),
  atleast_2d: on('input *others', (a) => spread(a, nabla.atleast2d)),
  atleast_3d: on('input *others', (a) => spread(a, nabla.atleast3d)),
  block_diag: on('input *others', (a) => nabla.blockDiag(all(a))),
  broadcast_tensors: on('input *others', (a) => nabla.broadcastTensors(...all(a))),
  broadcast_shapes: on('input *other', (a) =>
    nabla.broadcastShapes(...([a.input, ...(a.other as unknown[])] as never[])),
  ),
  broadcast_to: on('input size', (a) => nabla.broadcastTo(a.input, a.size)),
  cartesian_prod: on('input *others', (a) => nabla.cartesianProd(...all(a))),
  cat: on('tensors dim', (a) => nabla.cat(a.tensors, a.dim)),
  chunk: on('input chunks dim', (a) => nabla.chunk(a.input, a.chunks, a.dim)),
  clone: on('input', (a) => (a.input as Tensor).clone()),
  column_stack: list(nabla.columnStack),
  combinations: on('input r with_replacement', (a) =>
    nabla.combinations(a.input, a.r, { withReplacement: a.with_replacement }),
  ),
  constant_pad_nd: on('input pad value', (a) => nabla.pad(a.input, a.pad, { value: a.value })),
  contiguous: on('input', (a) => (a.input as Tensor).contiguous()),
  diag: on('input diagonal', (a) => nabla.diag(a.input, a.diagonal)),
  diagonal: on('input offset dim1 dim2', (a) => nabla.diagonal(a.input, a.offset, a.dim1, a.dim2)),
  dsplit: on('input parts', (a) => nabla.dsplit(a.input, a.parts)),
  dstack: list(nabla.dstack),
  expand: on('input size *rest', (a) => nabla.expand(a.input, many(a.size, a.rest))),
  expand_as: on('input other', (a) => nabla.expandAs(a.input, a.other)),
  flatten: on('input start_dim end_dim', (a) => nabla.flatten(a.input, a.start_dim, a.end_dim)),
  flip: on('input dims', (a) => nabla.flip(a.input, a.dims)),
  hsplit: on('input parts', (a) => nabla.hsplit(a.input, a.parts)),
  hstack: list(nabla.hstack),
  'meshgrid:list_of_tensors': on('tensors indexing', (a) =>
    nabla.meshgrid(a.tensors, { indexing: a.indexing }),
  ),
  'meshgrid:variadic_tensors': on('input *others', (a) =>
    nabla.meshgrid(all(a), { indexing: a.indexing }),
  ),
  movedim: on('input source destination', (a) => nabla.movedim(a.input, a.source, a.destination)),
  narrow: on('input dim start length', (a) => nabla.narrow(a.input, a.dim, a.start, a.length)),
  narrow_copy: on('input dim start length', (a) =>
    nabla.narrow(a.input, a.dim, a.start, a.length).clone(),
  ),
  permute: on('input dims', (a) => nabla.permute(a.input, a.dims)),
  ravel: unary(nabla.ravel),
  repeat: on('input repeats *rest', (a) => nabla.repeat(a.input, many(a.repeats, a.rest))),
  repeat_interleave: on(
    'input repeats dim',
    (a) => nabla.repeatInterleave(a.input, a.repeats, a.dim),
    { reads: true },
  ),
  reshape: on('input shape', (a) => nabla.reshape(a.input, a.shape)),
  reshape_as: on('input other', (a) => nabla.reshapeAs(a.input, a.other)),
  roll: on('input shifts dims', (a) => nabla.roll(a.input, a.shifts, a.dims)),
  rot90: on('input k dims', (a) => nabla.rot90(a.input, a.k, a.dims)),
  select: on('input dim index', (a) => nabla.select(a.input, a.dim, a.index)),
  split: on('input size dim', (a) => nabla.split(a.input, a.size, a.dim)),
  split_with_sizes: on('input size dim', (a) => nabla.split(a.input, a.size, a.dim)),
  squeeze: on('input dim', (a) => nabla.squeeze(a.input, a.dim)),
  stack: on('tensors dim', (a) => nabla.stack(a.tensors, a.dim)),
  t: on('input', (a) => (a.input as Tensor).t()),
  tensor_split: on(
    'input parts dim',
    (a) =>
      nabla.tensorSplit(
        a.input,
        typeof a.parts === 'number' ? a.parts : (unwrap(a.parts) as number),
        a.dim,
      ),
    { reads: true },
  ),
  tile: on('input dims', (a) => nabla.tile(a.input, a.dims)),
  transpose: on('input dim0 dim1', (a) => nabla.transpose(a.input, a.dim0, a.dim1)),
  tril: on('input diagonal', (a) => nabla.tril(a.input, a.diagonal)),
  triu: on('input diagonal', (a) => nabla.triu(a.input, a.diagonal)),
  unbind: on('input dim', (a) => nabla.unbind(a.input, a.dim)),
  unflatten: on('input dim sizes', (a) => nabla.unflatten(a.input, a.dim, a.sizes)),
  unfold: on('input dimension size step', (a) =>
    nabla.unfold(a.input, a.dimension, a.size, a.step),
  ),
  unsqueeze: on('input dim', (a) => nabla.unsqueeze(a.input, a.dim)),
  view: on('input shape', (a) => nabla.view(a.input, a.shape)),
  view_as: on('input other', (a) => nabla.viewAs(a.input, a.other)),
  vsplit: on('input parts', (a) => nabla.vsplit(a.input, a.parts)),
  vstack: list(nabla.vstack),
}

function spread(a: Bound, f: (x: Tensor) => Tensor): unknown {
  const parts = all(a).map(f)
  return parts.length === 1 ? parts[0] : parts
}
/** A tensor of places, or of one number of parts. */
function unwrap(v: unknown): unknown {
  const list = places(v)
  return (v as Tensor).rank === 0 ? list[0] : list
}
