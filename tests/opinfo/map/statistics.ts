import type { Family } from '../harness.js'

export const statistics: Family = {}
