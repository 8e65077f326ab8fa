/**
 * Where it began: the threshold neuron of McCulloch and Pitts (1943), Rosenblatt's rule (1958) on AND, OR, NAND and XOR,
 * and XOR by one hidden layer. Beside them a network without activations, which is one affine map whatever its depth.
 */
import { binaryCrossEntropyWithLogits, compile, noGrad, tensor, type Tensor } from 'nabla'
import { Linear, Sequential, Tanh } from 'nabla/nn'
import { SGD } from 'nabla/optim'
import { boundaryChart, lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

const inputs = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]
const gates: Record<string, number[]> = {
  AND: [0, 0, 0, 1],
  OR: [0, 1, 1, 1],
  NAND: [1, 1, 1, 0],
  XOR: [0, 1, 1, 0],
}

/** McCulloch and Pitts: fires when the weighted sum of its inputs reaches the threshold. */
const threshold = (weights: readonly number[], limit: number) => (x: readonly number[]) =>
  weights.reduce((sum, w, i) => sum + w * x[i]!, 0) >= limit ? 1 : 0

interface Learned {
  weights: [number, number]
  bias: number
  /** Changes of the weights until all answers were right; undefined when they never were. */
  updates: number | undefined
  /** Wrong answers of each round. */
  mistakes: number[]
}

/** Rosenblatt's rule: after a wrong answer w ← w + lr (y − ŷ) x and b ← b + lr (y − ŷ). */
function perceptron(answers: readonly number[], lr: number, rounds: number): Learned {
  const weights: [number, number] = [0, 0]
  let bias = 0
  let updates = 0
  const mistakes: number[] = []
  for (let round = 0; round < rounds; round++) {
    let wrong = 0
    inputs.forEach(([a, b], i) => {
      const error = answers[i]! - (weights[0] * a! + weights[1] * b! + bias > 0 ? 1 : 0)
      if (error === 0) return
      weights[0] += lr * error * a!
      weights[1] += lr * error * b!
      bias += lr * error
      wrong++
      updates++
    })
    mistakes.push(wrong)
    if (wrong === 0) return { weights, bias, updates, mistakes }
  }
  return { weights, bias, updates: undefined, mistakes }
}

const pointsOf = (answers: readonly number[]) =>
  Object.fromEntries(
    [0, 1].map((c) => {
      const rows = inputs.filter((_, i) => answers[i] === c)
      return [`${c}`, { x: rows.map((r) => r[0]!), y: rows.map((r) => r[1]!) }]
    }),
  )

export default {
  name: 'perceptron',
  about: 'the perceptron rule on AND, OR, NAND and XOR, and XOR by a hidden layer',
  defaults: { epochs: 500, lr: 1 },
  quick: { epochs: 500 },
  whole: true,
  expect: {
    andUpdates: { atMost: 20 },
    orUpdates: { atMost: 20 },
    nandUpdates: { atMost: 20 },
    xorMistakes: { atLeast: 1 },
    hiddenMistakes: { atMost: 0 },
    linearMistakes: { atLeast: 1 },
  },
  async run(s) {
    const { epochs, lr } = s.options
    s.say('\nneurons with weights set by hand (McCulloch and Pitts)')
    const neurons = {
      AND: threshold([1, 1], 2),
      OR: threshold([1, 1], 1),
      NAND: threshold([-1, -1], -1),
    }
    for (const [name, fires] of Object.entries(neurons))
      s.say(`${name.padEnd(6)}${inputs.map((x) => `${x.join(' ')} → ${fires(x)}`).join('   ')}`)

    const measures: Record<string, number> = {}
    s.say('\nweights learned by the rule of the perceptron')
    const mistakes: Record<string, number[]> = {}
    for (const [name, answers] of Object.entries(gates)) {
      const { weights, bias, updates, mistakes: rounds } = perceptron(answers, lr, 50)
      mistakes[name] = rounds
      s.say(
        updates === undefined
          ? `${name.padEnd(6)}does not converge: ${rounds.at(-1)} wrong answers after ${rounds.length} rounds. No line divides its points.`
          : `${name.padEnd(6)}${updates} updates: ${weights[0]} a + ${weights[1]} b + ${bias} > 0`,
      )
      s.emit({ event: 'perceptron', name, updates: updates ?? null, weights, bias })
      if (updates === undefined) measures.xorMistakes = rounds.at(-1)!
      else measures[`${name.toLowerCase()}Updates`] = updates
      await s.picture(
        `${name.toLowerCase()}.svg`,
        boundaryChart(
          (a, b) => a.map((v, i) => +(weights[0] * v + weights[1] * b[i]! + bias > 0)),
          pointsOf(answers),
          { title: `${name} by a perceptron`, x: 'a', y: 'b', width: 420, height: 360 },
        ),
      )
    }
    await s.picture(
      'mistakes.svg',
      lineChart(mistakes, { title: 'wrong answers of each round', x: 'round', y: 'mistakes' }),
    )

    const x = tensor(inputs)
    const y = tensor(
      gates.XOR!.map((v) => [v]),
      { dtype: 'float32' },
    )
    const networks = {
      hidden: new Sequential(new Linear(2, 4), new Tanh(), new Linear(4, 1)),
      // Maps without activations between them: together they are one map.
      linear: new Sequential(new Linear(2, 4), new Linear(4, 4), new Linear(4, 1)),
    }
    for (const [name, model] of Object.entries(networks)) {
      const optimizer = new SGD(model.parameters(), { lr: 0.5 * lr, momentum: 0.9 })
      const step = compile((input: Tensor, target: Tensor) => {
        const loss = binaryCrossEntropyWithLogits(model.forward(input), target)
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        return loss
      })
      const losses: number[] = []
      for (let i = 0; i < epochs; i++) losses.push(step(x, y).item())
      const classify = (a: ArrayLike<number>, b: ArrayLike<number>) =>
        noGrad(() => {
          const rows = Array.from({ length: a.length }, (_, i) => [a[i]!, b[i]!])
          return model
            .forward(tensor(rows))
            .toTypedArray()
            .map((v) => +(v > 0))
        }) as ArrayLike<number>
      const said = classify(
        inputs.map((r) => r[0]!),
        inputs.map((r) => r[1]!),
      )
      const wrong = gates.XOR!.filter((v, i) => v !== said[i]).length
      measures[`${name}Mistakes`] = wrong
      s.say(
        `\nXOR by ${name === 'hidden' ? 'a hidden layer of four' : 'three layers without activations'}: ${wrong} wrong answers, loss ${losses.at(-1)!.toFixed(4)}`,
      )
      await s.picture(
        `xor-${name}.svg`,
        boundaryChart(classify, pointsOf(gates.XOR!), {
          title: name === 'hidden' ? 'XOR by a hidden layer' : 'XOR without activations: one line',
          x: 'a',
          y: 'b',
          width: 420,
          height: 360,
        }),
      )
      if (name === 'hidden') s.save(model)
    }
    return measures
  },
} satisfies Recipe
