import * as nabla from 'nabla'
import * as special from 'nabla/special'
import { type Bound, type Family, on } from '../harness.js'

type One = (x: nabla.Tensor) => nabla.Tensor
type Two = (x: nabla.Tensor, y: nabla.Tensor) => nabla.Tensor
const one = (f: One) => on('input', (a) => f(a.input))
const two = (f: Two) => on('input other', (a) => f(a.input, a.other))
const many = on('input p', (a: Bound) => special.multigammaln(a.input, a.p))
const derivative = on('input n', (a: Bound) => special.polygamma(a.n, a.input))

export const specialMap: Family = {
  mvlgamma: many,
  polygamma: derivative,
  'special.polygamma': derivative,
  digamma: one(special.digamma),
  lgamma: one(special.lgamma),
  i0: one(special.i0),
  igamma: two(special.igamma),
  igammac: two(special.igammac),
  'special.airy_ai': one(special.airyAi),
  'special.entr': one(special.entr),
  'special.ndtr': one(nabla.ndtr),
  'special.xlog1py': two(special.xlog1py),
  'special.erfcx': one(special.erfcx),
  'special.i0e': one(special.i0e),
  'special.i1': one(special.i1),
  'special.i1e': one(special.i1e),
  'special.log_ndtr': one(special.logNdtr),
  'special.ndtri': one(special.ndtri),
  'special.bessel_j0': one(special.besselJ0),
  'special.bessel_j1': one(special.besselJ1),
  'special.bessel_y0': one(special.besselY0),
  'special.bessel_y1': one(special.besselY1),
  'special.modified_bessel_i0': one(special.modifiedBesselI0),
  'special.modified_bessel_i1': one(special.modifiedBesselI1),
  'special.modified_bessel_k0': one(special.modifiedBesselK0),
  'special.modified_bessel_k1': one(special.modifiedBesselK1),
  'special.scaled_modified_bessel_k0': one(special.scaledModifiedBesselK0),
  'special.scaled_modified_bessel_k1': one(special.scaledModifiedBesselK1),
  'special.spherical_bessel_j0': one(special.sphericalBesselJ0),
  'special.zeta': two(special.zeta),
  'special.chebyshev_polynomial_t': two(special.chebyshevPolynomialT),
  'special.chebyshev_polynomial_u': two(special.chebyshevPolynomialU),
  'special.chebyshev_polynomial_v': two(special.chebyshevPolynomialV),
  'special.chebyshev_polynomial_w': two(special.chebyshevPolynomialW),
  'special.shifted_chebyshev_polynomial_t': two(special.shiftedChebyshevPolynomialT),
  'special.shifted_chebyshev_polynomial_u': two(special.shiftedChebyshevPolynomialU),
  'special.shifted_chebyshev_polynomial_v': two(special.shiftedChebyshevPolynomialV),
  'special.shifted_chebyshev_polynomial_w': two(special.shiftedChebyshevPolynomialW),
  'special.hermite_polynomial_h': two(special.hermitePolynomialH),
  'special.hermite_polynomial_he': two(special.hermitePolynomialHe),
  'special.laguerre_polynomial_l': two(special.laguerrePolynomialL),
  'special.legendre_polynomial_p': two(special.legendrePolynomialP),
}
