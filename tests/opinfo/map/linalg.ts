import * as linalg from 'nabla/linalg'
import { type Family, on } from '../harness.js'

export const linalgMap: Family = {
  'linalg.cross': on('input other dim', (a) => linalg.cross(a.input, a.other, a.dim)),
  'linalg.multi_dot': on('tensors', (a) => linalg.multiDot(a.tensors)),
  'linalg.vecdot': on('input other dim', (a) => linalg.vecdot(a.input, a.other, a.dim)),
}
