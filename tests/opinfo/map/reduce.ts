import type { Family } from '../harness.js'

export const reduce: Family = {}
