import * as nabla from 'nabla'
import * as functions from 'nabla/special'
import { type Family, on } from '../harness.js'

export const special: Family = {
  'special.entr': on('input', (a) => functions.entr(a.input)),
  'special.ndtr': on('input', (a) => nabla.ndtr(a.input)),
  'special.xlog1py': on('input other', (a) => functions.xlog1py(a.input, a.other)),
}
