import type { Family } from '../harness.js'

export const loss: Family = {}
