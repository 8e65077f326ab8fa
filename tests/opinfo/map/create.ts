import type { Family } from '../harness.js'

export const create: Family = {}
