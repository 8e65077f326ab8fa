/** Loops in plans and programs: random bodies, nested, against plain loops over the graph. */
import { expect, test } from 'vitest'
import { encode } from '../../src/backends/cpu/encode.js'
import { loopWords } from '../../src/backends/cpu/loopWords.js'
import { loopStep } from '../../src/backends/lower/loop.js'
import { lower } from '../../src/backends/lower/lower.js'
import { eachStep } from '../../src/backends/lower/plan.js'
import { runGraph } from '../../src/backends/reference/index.js'
import { extras } from '../../src/core/extras.js'
import { compare } from './compare.js'
import { randomData, randomLoop, uniform } from './graphs.js'
import { instructionsOf } from './interpret.js'
import { runPlan } from './run.js'

Object.assign(extras, { loops: loopStep, loopWords })
const limits = { outer: 16, operands: 1000 }
const seeds = Number(process.env.NABLA_SEEDS ?? 300)

test('plans of random loops', () => {
  let nested = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const graph = randomLoop(seed)
    const data = randomData(graph, uniform(seed))
    const plan = lower(graph, { limits })
    const depth = (steps: typeof plan.steps) => {
      let n = 0
      eachStep(steps, (s) => {
        if (s.kind === 'loop') n++
      })
      return n
    }
    if (depth(plan.steps) > 1) nested++
    const want = runGraph(graph, data)
    const { outputs } = runPlan(plan, graph, data)
    outputs.forEach((out, i) => {
      for (let j = 0; j < out.length; j++)
        if (!(Math.abs(Number(out[j]) - Number(want[i]![j])) <= 1e-4))
          expect.fail(`seed ${seed}, output ${i}, element ${j}: ${out[j]}, not ${want[i]![j]}`)
    })
  }
  expect(nested).toBeGreaterThan(seeds / 20)
})

test('programs of random loops', () => {
  for (let seed = 1; seed <= seeds / 3; seed++) {
    const graph = randomLoop(seed)
    compare(graph, randomData(graph, uniform(seed)), `seed ${seed}`)
  }
  const names = instructionsOf(encode(randomLoop(3))).map((i) => i.name)
  expect(names).toContain('LOOP')
})
