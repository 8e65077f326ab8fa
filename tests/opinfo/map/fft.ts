import type { Family } from '../harness.js'

export const fft: Family = {}
