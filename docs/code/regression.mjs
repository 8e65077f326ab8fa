import { writeFileSync } from 'node:fs'
import {
  compile,
  crossEntropy,
  linspace,
  manualSeed,
  mseLoss,
  noGrad,
  normal,
  stack,
  tensor,
} from 'nabla'
import { Linear } from 'nabla/nn'
import { SGD } from 'nabla/optim'
import { lineChart } from 'nabla/plot'

manualSeed(0)
/** One step of gradient descent on the loss of a model. */
const training = (model, loss, lr) => {
  const optimizer = new SGD(model.parameters(), { lr })
  return compile((x, y) => {
    const l = loss(model.forward(x), y)
    optimizer.zeroGrad()
    l.backward()
    optimizer.step()
    return l
  })
}

// #region line
const x = linspace(-1, 1, 50).reshape([50, 1])
const y = x
  .mul(2)
  .add(0.5)
  .add(normal([50, 1], 0, 0.1)) // y = 2x + 0.5 and some noise
const line = new Linear(1, 1)
const fitLine = training(line, mseLoss, 0.5)
for (let i = 0; i < 200; i++) fitLine(x, y)
console.log(line.weight.item().toFixed(1), line.bias.item().toFixed(1)) //> 2.0 0.5
// #endregion line

// #region classes
// Three clouds of points, and a line between each two of them: softmax regression.
const centres = [
  [0, 2],
  [-2, -1],
  [2, -1],
]
const clouds = centres.map((c) => normal([50, 2], 0, 0.7).add(tensor(c)))
const points = stack(clouds).reshape([150, 2])
const labels = tensor(
  Array.from({ length: 150 }, (_, i) => Math.floor(i / 50)),
  { dtype: 'int32' },
)
const classes = new Linear(2, 3)
const fitClasses = training(classes, crossEntropy, 0.5)
for (let i = 0; i < 200; i++) fitClasses(points, labels)
const right = noGrad(() => classes.forward(points).argmax(1).eq(labels))
console.log(right.cast('float32').mean().item() > 0.97) //> true
// #endregion classes

writeFileSync(
  'pictures/regression.svg',
  await lineChart(
    {
      'what was measured': { x: x.flatten().toArray(), y: y.flatten().toArray() },
      'the line': {
        x: x.flatten().toArray(),
        y: noGrad(() => line.forward(x))
          .flatten()
          .toArray(),
      },
    },
    { title: 'Linear regression by gradient descent', x: 'x', y: 'y' },
  ),
)
