/** What is there without being computed, and the host. */
import type { DType } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import type { Shape } from '../../core/shape.js'
import type { HostCall } from '../ir.js'
import { indices, type Records } from './record.js'

export interface GivenPrims {
  /** Runs for its effect too, in the order of tracing. `gives` are its outputs; without any it ends at once. */
  host: { call: HostCall; gives: readonly { shape: Shape; dtype: DType }[] }
  /** A value given from outside: slot `index` of the executable's inputs, read through a layout. */
  input: { index: number; strides: readonly number[]; offset: number; length: number }
  /** One number; shape []. */
  const: { value: number }
  /** int32: the coordinate along `axis`. */
  iota: { axis: number; shape: Shape }
}

const given = (): never => {
  throw new BackendError({ op: 'infer', rule: 'inputs and constants carry their own shape' })
}

export const givenPrims = {
  host: {
    gives: ({ gives }) => gives[0] ?? indices([0]),
    more: ({ gives }) => gives.slice(1),
    as: 'host',
    batch: 'own',
  },
  input: { gives: given, as: 'given', batch: 'own' },
  const: { gives: given, as: 'given', batch: 'own' },
  iota: { gives: ({ shape }) => indices(shape), as: 'given', batch: 'own' },
} satisfies Records<keyof GivenPrims>
