/** Random numbers: PyTorch has another generator, so that shapes and types are compared; see dump.py. */
import * as nabla from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

const given = (a: Bound) => (a.dtype === undefined ? {} : { dtype: a.dtype as nabla.DType })

export const random: Family = {
  rand_like: on('input dtype', (a) => nabla.randLike(a.input, given(a))),
  normal: on('mean std', (a) => nabla.normal(a.mean, a.std)),
  'normal:number_mean': on('std mean', (a) => nabla.normal(a.mean, a.std)),
  uniform: on('input from to', (a) => nabla.uniform((a.input as nabla.Tensor).shape, a.from, a.to)),
  randn: on('size dtype', (a) => nabla.randn(a.size, given(a))),
  randn_like: on('input dtype', (a) => nabla.randnLike(a.input, given(a))),
  randint_like: on('input low high dtype', (a) =>
    a.high === undefined
      ? nabla.randintLike(a.input, 0, a.low, given(a))
      : nabla.randintLike(a.input, a.low, a.high, given(a)),
  ),
  bernoulli: on('input', (a) => nabla.bernoulli(a.input)),
  multinomial: on(
    'input num_samples replacement',
    (a) => nabla.multinomial(a.input, a.num_samples, { replacement: a.replacement }),
    { reads: true },
  ),
}
