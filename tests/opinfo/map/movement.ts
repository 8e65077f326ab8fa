import type { Family } from '../harness.js'

export const movement: Family = {}
