/** torch.linalg: what people do with matrices beyond their products. Pages that do not import it do not load it. */
export {
  cholesky,
  choleskyEx,
  eigh,
  eigvalsh,
  geqrf,
  householderProduct,
  lu,
  luFactor,
  luFactorEx,
  luUnpack,
  qr,
  solveTriangular,
  svd,
  svdvals,
  type TriangularOptions,
} from './factorize.js'
export { ldlFactor, ldlFactorEx, ldlSolve } from './ldl.js'
export * from './lowrank.js'
export * from './norms.js'
export * from './products.js'
export * from './systems.js'
