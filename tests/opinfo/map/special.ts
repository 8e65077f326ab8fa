import * as nabla from 'nabla'
import * as functions from 'nabla/special'
import { type Bound, type Family, on } from '../harness.js'

type One = (x: nabla.Tensor) => nabla.Tensor
type Two = (x: nabla.Tensor, y: nabla.Tensor) => nabla.Tensor
const one = (f: One) => on('input', (a) => f(a.input))
const two = (f: Two) => on('input other', (a) => f(a.input, a.other))
const many = on('input p', (a: Bound) => functions.multigammaln(a.input, a.p))
const derivative = on('input n', (a: Bound) => functions.polygamma(a.n, a.input))

export const special: Family = {
  mvlgamma: many,
  polygamma: derivative,
  'special.polygamma': derivative,
  digamma: one(functions.digamma),
  lgamma: one(functions.lgamma),
  i0: one(functions.i0),
  igamma: two(functions.igamma),
  igammac: two(functions.igammac),
  'special.entr': one(functions.entr),
  'special.ndtr': one(nabla.ndtr),
  'special.xlog1py': two(functions.xlog1py),
  'special.erfcx': one(functions.erfcx),
  'special.i0e': one(functions.i0e),
  'special.i1': one(functions.i1),
  'special.i1e': one(functions.i1e),
  'special.log_ndtr': one(functions.logNdtr),
  'special.ndtri': one(functions.ndtri),
  'special.bessel_j0': one(functions.besselJ0),
  'special.bessel_j1': one(functions.besselJ1),
  'special.bessel_y0': one(functions.besselY0),
  'special.bessel_y1': one(functions.besselY1),
  'special.modified_bessel_i0': one(functions.modifiedBesselI0),
  'special.modified_bessel_i1': one(functions.modifiedBesselI1),
  'special.modified_bessel_k0': one(functions.modifiedBesselK0),
  'special.modified_bessel_k1': one(functions.modifiedBesselK1),
  'special.scaled_modified_bessel_k0': one(functions.scaledModifiedBesselK0),
  'special.scaled_modified_bessel_k1': one(functions.scaledModifiedBesselK1),
  'special.spherical_bessel_j0': one(functions.sphericalBesselJ0),
  'special.zeta': two(functions.zeta),
  'special.chebyshev_polynomial_t': two(functions.chebyshevPolynomialT),
  'special.chebyshev_polynomial_u': two(functions.chebyshevPolynomialU),
  'special.chebyshev_polynomial_v': two(functions.chebyshevPolynomialV),
  'special.chebyshev_polynomial_w': two(functions.chebyshevPolynomialW),
  'special.shifted_chebyshev_polynomial_t': two(functions.shiftedChebyshevPolynomialT),
  'special.shifted_chebyshev_polynomial_u': two(functions.shiftedChebyshevPolynomialU),
  'special.shifted_chebyshev_polynomial_v': two(functions.shiftedChebyshevPolynomialV),
  'special.shifted_chebyshev_polynomial_w': two(functions.shiftedChebyshevPolynomialW),
  'special.hermite_polynomial_h': two(functions.hermitePolynomialH),
  'special.hermite_polynomial_he': two(functions.hermitePolynomialHe),
  'special.laguerre_polynomial_l': two(functions.laguerrePolynomialL),
  'special.legendre_polynomial_p': two(functions.legendrePolynomialP),
}
