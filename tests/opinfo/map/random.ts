import type { Family } from '../harness.js'

export const random: Family = {}
