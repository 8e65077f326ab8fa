import * as fftRoom from 'nabla/fft'
import type { Tensor } from 'nabla'
import { type Bound, type Entry, type Family, isPair, on } from '../harness.js'

/** Real numbers, where PyTorch takes them, are pairs without imaginary parts. */
const pair = (x: Tensor): Tensor => (isPair(x) ? x : fftRoom.complex(x))
const one = (a: Bound) => ({
  n: a.n ?? undefined,
  axis: a.dim ?? undefined,
  norm: a.norm ?? undefined,
})
const many = (a: Bound) => ({
  s: a.s === undefined || a.s === null ? undefined : ([a.s] as number[][]).flat(),
  axes: a.dim === undefined || a.dim === null ? undefined : ([a.dim] as number[][]).flat(),
  norm: a.norm ?? undefined,
})
const of = (
  f: (x: Tensor, o: never) => Tensor,
  pairs: boolean,
  options: (a: Bound) => object,
  names: string,
): Entry =>
  on(names, (a) => f(pairs ? pair(a.input) : a.input, options(a) as never), { complex: true })
const single = (f: (x: Tensor, o: never) => Tensor, pairs: boolean) =>
  of(f, pairs, one, 'input n dim norm')
const several = (f: (x: Tensor, o: never) => Tensor, pairs: boolean) =>
  of(f, pairs, many, 'input s dim norm')

export const fft: Family = {
  'fft.fftshift': on('input dim', (a) => fftRoom.fftshift(a.input, a.dim)),
  'fft.ifftshift': on('input dim', (a) => fftRoom.ifftshift(a.input, a.dim)),
  stft: on(
    'input n_fft hop_length win_length window center pad_mode normalized onesided return_complex',
    (a) => {
      void a.return_complex // Pairs always.
      return fftRoom.stft(a.input, a.n_fft, {
        hopLength: a.hop_length,
        winLength: a.win_length,
        window: a.window,
        center: a.center,
        padMode: a.pad_mode,
        normalized: a.normalized,
        onesided: a.onesided,
      })
    },
    { complex: true },
  ),
  istft: on(
    'input n_fft hop_length win_length window center normalized onesided length return_complex',
    (a) =>
      fftRoom.istft(a.input, a.n_fft, {
        hopLength: a.hop_length,
        winLength: a.win_length,
        window: a.window,
        center: a.center,
        normalized: a.normalized,
        onesided: a.onesided,
        length: a.length,
        returnComplex: a.return_complex,
      }),
    { complex: true },
  ),
  'fft.fft': single(fftRoom.fft, true),
  'fft.ifft': single(fftRoom.ifft, true),
  'fft.hfft': single(fftRoom.hfft, true),
  'fft.irfft': single(fftRoom.irfft, true),
  'fft.rfft': single(fftRoom.rfft, false),
  'fft.ihfft': single(fftRoom.ihfft, false),
  'fft.fft2': several(fftRoom.fft2, true),
  'fft.fftn': several(fftRoom.fftn, true),
  'fft.ifft2': several(fftRoom.ifft2, true),
  'fft.ifftn': several(fftRoom.ifftn, true),
  'fft.hfft2': several(fftRoom.hfft2, true),
  'fft.hfftn': several(fftRoom.hfftn, true),
  'fft.irfft2': several(fftRoom.irfft2, true),
  'fft.irfftn': several(fftRoom.irfftn, true),
  'fft.rfft2': several(fftRoom.rfft2, false),
  'fft.rfftn': several(fftRoom.rfftn, false),
  'fft.ihfft2': several(fftRoom.ihfft2, false),
  'fft.ihfftn': several(fftRoom.ihfftn, false),
}
