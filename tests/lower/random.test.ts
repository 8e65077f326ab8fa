import { test } from 'vitest'
import { compare } from './compare.js'
import { randomData, randomGraph, uniform } from './graphs.js'

const seeds = Number(process.env.NABLA_SEEDS ?? 400)
test.each([3, 8, 20, 60])('random graphs of %i nodes agree with the reference', (size) => {
  for (let seed = 1; seed <= seeds; seed++) {
    const graph = randomGraph(1000 * size + seed, size)
    compare(graph, randomData(graph, uniform(seed)), `seed ${1000 * size + seed}`)
  }
})
