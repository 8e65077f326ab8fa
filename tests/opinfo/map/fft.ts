import * as transforms from 'nabla/fft'
import { type Family, on } from '../harness.js'

export const fft: Family = {
  'fft.fftshift': on('input dim', (a) => transforms.fftshift(a.input, a.dim)),
  'fft.ifftshift': on('input dim', (a) => transforms.ifftshift(a.input, a.dim)),
}
