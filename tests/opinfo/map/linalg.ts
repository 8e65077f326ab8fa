import type { Family } from '../harness.js'

export const linalg: Family = {}
