import type { Family } from '../harness.js'

export const scan: Family = {}
