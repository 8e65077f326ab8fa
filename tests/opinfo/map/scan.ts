import * as nabla from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

const area = (f: (y: never, x: never, options: never) => unknown) =>
  on('y x dx dim', (a) =>
    f(
      a.y,
      (a.x ?? null) as never,
      {
        dx: a.dx,
        axis: a.dim,
      } as Bound as never,
    ),
  )

export const scan: Family = {
  cumulative_trapezoid: area(nabla.cumulativeTrapezoid),
  diff: on('input n dim prepend append', (a) =>
    nabla.diff(a.input, { n: a.n, axis: a.dim, prepend: a.prepend, append: a.append }),
  ),
  gradient: on('input spacing dim edge_order', (a) =>
    nabla.gradient(a.input, { spacing: a.spacing, axis: a.dim, edgeOrder: a.edge_order }),
  ),
  logcumsumexp: on('input dim', (a) => nabla.logcumsumexp(a.input, a.dim)),
  trapezoid: area(nabla.trapezoid),
  trapz: area(nabla.trapezoid),
}
