import * as nabla from 'nabla'
import * as linalg from 'nabla/linalg'
import { type Bound, type Family, on } from '../harness.js'

type T = nabla.Tensor
/** Signs of vectors are free (dump.py): absolute values. */
const unsigned = ([u, s, vh]: readonly [T, T, T]): [T, T, T] => {
  const k = s.shape.at(-1)!
  return [nabla.narrow(u, -1, 0, k).abs(), s, nabla.narrow(vh, -2, 0, k).abs()]
}
const swapped = (x: T) => x.transpose(-2, -1)
const upper = (a: Bound) => ({ upper: a.upper })
const norms = (a: Bound) => ({ axis: a.dim, keepdim: a.keepdim, dtype: a.dtype })
const order = (a: Bound, otherwise?: number | string) => {
  const o = a.ord as unknown
  return (o === undefined || o === null ? otherwise : o) as never
}
const cuts = (a: Bound) => ({
  atol: a.atol ?? undefined,
  rtol: a.rtol ?? a.rcond ?? undefined,
  hermitian: a.hermitian,
})

export const linalgMap: Family = {
  'linalg.ldl_factor': on('input hermitian', (a) => {
    void a.hermitian // Real numbers have no other.
    return linalg.ldlFactor(a.input)
  }),
  'linalg.ldl_factor_ex': on('input hermitian check_errors', (a) => {
    void a.hermitian
    void a.check_errors
    return linalg.ldlFactorEx(a.input)
  }),
  'linalg.ldl_solve': on('input pivots b hermitian', (a) => {
    void a.hermitian
    return linalg.ldlSolve(a.input, a.pivots, a.b)
  }),
  'linalg.cross': on('input other dim', (a) => linalg.cross(a.input, a.other, a.dim)),
  'linalg.multi_dot': on('tensors', (a) => linalg.multiDot(a.tensors)),
  'linalg.vecdot': on('input other dim', (a) => linalg.vecdot(a.input, a.other, a.dim)),
  cholesky: on('input upper', (a) => linalg.cholesky(a.input, upper(a))),
  'linalg.cholesky': on('input upper', (a) => linalg.cholesky(a.input, upper(a))),
  'linalg.cholesky_ex': on('input upper check_errors', (a) => {
    void a.check_errors
    const [l, info] = linalg.choleskyEx(a.input)
    return [a.upper ? swapped(l!) : l!, info!]
  }),
  cholesky_inverse: on('input upper', (a) => linalg.choleskyInverse(a.input, upper(a))),
  cholesky_solve: on('input input2 upper', (a) =>
    linalg.choleskySolve(a.input, a.input2, upper(a)),
  ),
  geqrf: on('input', (a) => linalg.geqrf(a.input), { noGrads: 'PyTorch has none' }),
  'linalg.cond': on('input p', (a) => linalg.cond(a.input, a.p ?? 2)),
  'linalg.det': on('input', (a) => linalg.det(a.input)),
  'linalg.det:singular': on('input', (a) => linalg.det(a.input), {
    noSecond: 'at singular matrices it depends on how a pivot of 0 is moved (0003)',
  }),
  'linalg.eigh': on('input UPLO', (a) => {
    const [w, v] = linalg.eigh(a.input, a.UPLO)
    return [w, v.abs()]
  }),
  'linalg.eigvalsh': on('input UPLO', (a) => linalg.eigvalsh(a.input, a.UPLO)),
  'linalg.householder_product': on('input tau', (a) => linalg.householderProduct(a.input, a.tau), {
    noSecond:
      'the samples are no reflections, and float32 loses the digits of their second derivatives',
  }),
  'linalg.inv': on('input', (a) => linalg.inv(a.input)),
  'linalg.inv_ex': on('input check_errors', (a) => {
    void a.check_errors
    return linalg.invEx(a.input)
  }),
  'linalg.lstsq': on('input B rcond driver', (a) =>
    linalg.lstsq(a.input, a.B, { rcond: a.rcond ?? undefined, driver: a.driver }),
  ),
  'linalg.lstsq:grad_oriented': on(
    'input B rcond driver',
    (a) => linalg.lstsq(a.input, a.B, { rcond: a.rcond ?? undefined, driver: a.driver })[0],
  ),
  // Without pivots PyTorch factorizes on the GPU only.
  'linalg.lu': on('input pivot', (a) => (a.pivot === false ? null : linalg.lu(a.input))),
  'linalg.lu_factor': on('input pivot', (a) =>
    a.pivot === false ? null : linalg.luFactor(a.input),
  ),
  'linalg.pinv:singular': on('a b', (a) => linalg.pinv(nabla.matmul(a.a, swapped(a.b)))),
  'linalg.lu_factor_ex': on('input pivot check_errors', (a) => {
    void a.check_errors
    void a.pivot
    const [lu, pivots, info] = linalg.luFactorEx(a.input)
    return [lu!, nabla.add(pivots!, 1), info!]
  }),
  'linalg.lu_solve': on('LU pivots B left adjoint', (a) =>
    linalg.luSolve(a.LU, a.pivots, a.B, { left: a.left, adjoint: a.adjoint }),
  ),
  'linalg.matrix_norm': on('input ord dim keepdim dtype', (a) =>
    linalg.matrixNorm(a.input, order(a, 'fro'), norms(a)),
  ),
  'linalg.matrix_power': on('input n', (a) => linalg.matrixPower(a.input, a.n)),
  'linalg.matrix_rank': on('input tol hermitian atol rtol', (a) =>
    linalg.matrixRank(a.input, {
      ...cuts(a),
      ...(a.tol !== undefined && { atol: a.tol, rtol: 0 }),
    }),
  ),
  'linalg.norm': on('input ord dim keepdim dtype', (a) => linalg.norm(a.input, order(a), norms(a))),
  'linalg.norm:subgradients_at_zero': on(
    'input ord dim keepdim dtype',
    (a) => linalg.norm(a.input, order(a), norms(a)),
    { noSecond: 'at 0 PyTorch gives NaN, nabla 0 (0003)' },
  ),
  'linalg.pinv': on('input rcond hermitian atol rtol', (a) => linalg.pinv(a.input, cuts(a))),
  'linalg.qr': on('input mode', (a) => linalg.qr(a.input, { mode: a.mode })),
  'linalg.slogdet': on('input', (a) => linalg.slogdet(a.input)),
  'linalg.solve': on('input B left', (a) => linalg.solve(a.input, a.B, { left: a.left })),
  'linalg.solve_ex': on('input B left check_errors', (a) => {
    void a.check_errors
    return linalg.solveEx(a.input, a.B, { left: a.left })
  }),
  'linalg.solve_triangular': on('input B upper left unitriangular', (a) =>
    linalg.solveTriangular(a.input, a.B, {
      upper: a.upper,
      left: a.left,
      unitriangular: a.unitriangular,
    }),
  ),
  'linalg.svd': on('input full_matrices', (a) =>
    unsigned(linalg.svd(a.input, { fullMatrices: a.full_matrices })),
  ),
  'linalg.svdvals': on('input', (a) => linalg.svdvals(a.input)),
  'linalg.tensorinv': on('input ind', (a) => linalg.tensorinv(a.input, a.ind)),
  'linalg.tensorsolve': on('input other dims', (a) =>
    linalg.tensorsolve(a.input, a.other, { axes: a.dims ?? undefined }),
  ),
  'linalg.vander': on('input N', (a) => linalg.vander(a.input, { N: a.N ?? undefined })),
  'linalg.vector_norm': on('input ord dim keepdim dtype', (a) =>
    linalg.vectorNorm(a.input, order(a, 2), norms(a)),
  ),
  logdet: on('input', (a) => linalg.logdet(a.input)),
  matrix_exp: on('input', (a) => linalg.matrixExp(a.input)),
  pinverse: on('input rcond', (a) => linalg.pinv(a.input, { rtol: a.rcond ?? 1e-15 })),
  qr: on('input some', (a) =>
    linalg.qr(a.input, { mode: a.some === false ? 'complete' : 'reduced' }),
  ),
  svd: on('input some compute_uv', (a) => {
    void a.compute_uv
    const [u, s, vh] = unsigned(linalg.svd(a.input, { fullMatrices: a.some === false }))
    return [u, s, swapped(vh)]
  }),
  triangular_solve: on('b A upper transpose unitriangular', (a) => {
    const up = a.upper ?? true
    const t = a.transpose ? swapped(a.A) : a.A
    const x = linalg.solveTriangular(t, a.b, {
      upper: a.transpose ? !up : up,
      unitriangular: a.unitriangular ?? false,
    })
    return [x, a.A]
  }),
  svd_lowrank: on('a b q M niter', (a) =>
    linalg.svdLowrank(nabla.matmul(a.a, swapped(a.b)), {
      q: a.q,
      M: a.M ?? undefined,
      niter: a.niter,
    }),
  ),
  pca_lowrank: on('a b q center niter', (a) =>
    linalg.pcaLowrank(nabla.matmul(a.a, swapped(a.b)), {
      q: a.q,
      center: a.center,
      niter: a.niter,
    }),
  ),
  ormqr: on('input tau other left transpose', (a) =>
    linalg.ormqr(a.input, a.tau, a.other, { left: a.left, transpose: a.transpose }),
  ),
  lu: on('input pivot get_infos', (a) => {
    void a.pivot
    const [lu, pivots, info] = linalg.luFactorEx(a.input)
    const from1 = nabla.add(pivots!, 1)
    return a.get_infos ? [lu!, from1, info!] : [lu!, from1]
  }),
  lu_solve: on('b LU pivots', (a) => linalg.luSolve(a.LU, a.pivots, a.b)),
  lu_unpack: on('LU pivots unpack_data unpack_pivots', (a) => {
    const [p, l, u] = linalg.luUnpack(a.LU, a.pivots)
    const none = nabla.zeros([0])
    const data = a.unpack_data ?? true
    return [(a.unpack_pivots ?? true) ? p : none, data ? l : none, data ? u : none]
  }),
  symeig: on('input eigenvectors upper', (a) => {
    const uplo = (a.upper ?? true) ? 'U' : 'L'
    if (!a.eigenvectors) return [linalg.eigvalsh(a.input, uplo), nabla.zeros([0])]
    const [w, v] = linalg.eigh(a.input, uplo)
    return [w, v.abs()]
  }),
}
