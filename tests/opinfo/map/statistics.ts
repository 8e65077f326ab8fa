import * as nabla from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

const modes: Record<string, string> = {
  use_mm_for_euclid_dist_if_necessary: 'useMmForEuclidDistIfNecessary',
  use_mm_for_euclid_dist: 'useMmForEuclidDist',
  donot_use_mm_for_euclid_dist: 'donotUseMmForEuclidDist',
}
const histogramOptions = (a: Bound) => ({ range: a.range, weight: a.weight, density: a.density })

export const statistics: Family = {
  bincount: on(
    'input weights minlength',
    (a) => nabla.bincount(a.input, { weights: a.weights, minlength: a.minlength }),
    { reads: true },
  ),
  cdist: on('x1 x2 p compute_mode', (a) =>
    nabla.cdist(a.x1, a.x2, { p: a.p, computeMode: modes[a.compute_mode as string] as never }),
  ),
  corrcoef: on('input', (a) => nabla.corrcoef(a.input)),
  cov: on('input correction fweights aweights', (a) =>
    nabla.cov(a.input, { correction: a.correction, fweights: a.fweights, aweights: a.aweights }),
  ),
  histc: on('input bins min max', (a) =>
    nabla.histc(a.input, { bins: a.bins, min: a.min, max: a.max }),
  ),
  histogram: on('input bins range weight density', (a) =>
    nabla.histogram(a.input, a.bins, histogramOptions(a)),
  ),
  histogramdd: on('input bins range weight density', (a) =>
    nabla.histogramdd(a.input, a.bins, histogramOptions(a)),
  ),
  'nn.functional.pdist': on('input p', (a) => nabla.pdist(a.input, { p: a.p })),
}
