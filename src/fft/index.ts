/** torch.fft: discrete Fourier transforms. Pages that do not import it do not load it. */
export * from './shift.js'
export * from './stft.js'
export * from './transforms.js'
