import type { Family } from '../harness.js'

export const masked: Family = {}
