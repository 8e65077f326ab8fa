/**
 * The methods of Tensor that few programs use, and the tools of development: texts of tensors and programs, `debug` of
 * compile and its advice, suggestions of names. Node has them from the beginning; a page gets them by
 * `import 'nabla/methods'`, so that one which does not use them does not load their operations.
 */
import { explain } from '../backends/lower/explain.js'
import { bring } from '../backends/prims.js'
import { piecePrims } from '../backends/prims/pieces.js'
import { bucketing } from '../compile/buckets.js'
import { compileTools } from '../compile/debug.js'
import { expressions } from '../compile/expressions.js'
import { retraces } from '../compile/retraces.js'
import { extras } from '../core/extras.js'
import { advise } from '../core/suggest.js'
import * as atPlaces from '../ops/at.js'
import * as compare from '../ops/compare.js'
import * as elementwise from '../ops/elementwise.js'
import * as functions from '../ops/functions.js'
import * as indexing from '../ops/indexing.js'
import * as join from '../ops/join.js'
import * as linalg from '../ops/linalg.js'
import * as movement from '../ops/movement.js'
import * as reduce from '../ops/reduce.js'
import * as scan from '../ops/scan.js'
import * as slice from '../ops/slice.js'
import * as sort from '../ops/sort.js'
import * as statistics from '../ops/statistics.js'
import * as dynamic from './dynamic.js'
import { defineAbsent } from './elsewhere.js'
import { defineMethods } from './methods.js'
import { format } from './print.js'

export const moreMethods = {
  floorDivide: elementwise.floorDivide,
  remainder: elementwise.remainder,
  fmod: elementwise.fmod,
  atan2: elementwise.atan2,
  hypot: elementwise.hypot,
  copysign: elementwise.copysign,
  logaddexp: elementwise.logaddexp,
  lerp: elementwise.lerp,
  exp2: functions.exp2,
  expm1: functions.expm1,
  log2: functions.log2,
  log10: functions.log10,
  tan: functions.tan,
  asin: functions.asin,
  acos: functions.acos,
  atan: functions.atan,
  sinh: functions.sinh,
  cosh: functions.cosh,
  asinh: functions.asinh,
  acosh: functions.acosh,
  atanh: functions.atanh,
  erf: functions.erf,
  erfc: functions.erfc,
  erfinv: functions.erfinv,
  ndtr: functions.ndtr,
  trunc: functions.trunc,
  frac: functions.frac,
  logicalXor: compare.logicalXor,
  isinf: compare.isinf,
  nanToNum: compare.nanToNum,
  countNonzero: reduce.countNonzero,
  logsumexp: reduce.logsumexp,
  cumsum: scan.cumsum,
  cumprod: scan.cumprod,
  cummax: scan.cummax,
  cummin: scan.cummin,
  prod: reduce.prod,
  var: statistics.variance,
  std: statistics.std,
  norm: statistics.norm,
  median: statistics.median,
  quantile: statistics.quantile,
  argsort: sort.argsort,
  sort: sort.sort,
  topk: sort.topk,
  searchsorted: sort.searchsorted,
  bucketize: sort.bucketize,
  unflatten: movement.unflatten,
  flip: movement.flip,
  unfold: slice.unfold,
  diagonal: slice.diagonal,
  diag: slice.diag,
  split: join.split,
  chunk: join.chunk,
  roll: join.roll,
  rot90: join.rot90,
  pad: join.pad,
  tile: join.tile,
  repeat: join.repeat,
  repeatInterleave: join.repeatInterleave,
  narrow: slice.narrow,
  movedim: movement.movedim,
  at: atPlaces.at,
  indexPut: atPlaces.indexPut,
  indexSelect: indexing.indexSelect,
  indexAdd: indexing.indexAdd,
  indexCopy: indexing.indexCopy,
  gather: indexing.gather,
  takeAlongDim: indexing.takeAlongDim,
  take: indexing.take,
  scatter: indexing.scatter,
  scatterAdd: indexing.scatterAdd,
  scatterReduce: indexing.scatterReduce,
  maskedFill: indexing.maskedFill,
  oneHot: indexing.oneHot,
  dot: linalg.dot,
  outer: linalg.outer,
  addmm: linalg.addmm,
  baddbmm: linalg.baddbmm,
  tensordot: linalg.tensordot,
  cross: linalg.cross,
  kron: linalg.kron,
  trace: linalg.trace,
  triu: linalg.triu,
  tril: linalg.tril,
  nonzero: dynamic.nonzero,
  maskedSelect: dynamic.maskedSelect,
  unique: dynamic.unique,
  allclose: dynamic.allclose,
}
defineMethods(moreMethods)
// A program does not depend on what was called before it.
bring(piecePrims)
defineAbsent()
Object.assign(extras, {
  advise,
  explain,
  format,
  compileTools,
  expressions,
  retraces,
  buckets: bucketing,
})
