import type { Family } from '../harness.js'

export const indexing: Family = {}
