import type { Family } from '../harness.js'

export const nn: Family = {}
