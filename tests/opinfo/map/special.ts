import type { Family } from '../harness.js'

export const special: Family = {}
