import { writeFileSync } from 'node:fs'
import {
  binaryCrossEntropyWithLogits,
  crossEntropy,
  huberLoss,
  l1Loss,
  linspace,
  mseLoss,
  tensor,
  zeros,
} from 'nabla'
import { lineChart } from 'nabla/plot'

// #region regression
const predicted = tensor([1, 2, 10])
const target = tensor([1.5, 2, 3])
console.log(mseLoss(predicted, target).item().toFixed(3)) // (0.25 + 0 + 49) / 3 //> 16.417
console.log(l1Loss(predicted, target).item().toFixed(3)) // (0.5 + 0 + 7) / 3 //> 2.500
console.log(huberLoss(predicted, target).item().toFixed(3)) // (0.125 + 0 + 6.5) / 3 //> 2.208
// #endregion regression

// #region classes
// Scores (logits), not probabilities: softmax is part of the loss.
const scores = tensor([
  [2, 1, 0],
  [0, 0, 5],
])
const labels = tensor([0, 2], { dtype: 'int32' })
console.log(crossEntropy(scores, labels).item().toFixed(4)) //> 0.2105
console.log(crossEntropy(scores, labels, { labelSmoothing: 0.1 }).item().toFixed(4)) //> 0.4272
// A label of -100 takes no part.
console.log(
  crossEntropy(scores, tensor([0, -100], { dtype: 'int32' }))
    .item()
    .toFixed(4),
) //> 0.4076
// #endregion classes

// #region binary
console.log(
  binaryCrossEntropyWithLogits(tensor([3, -3]), tensor([1, 1]))
    .item()
    .toFixed(4),
) //> 1.5486
// #endregion binary

const d = linspace(-3, 3, 121)
const curve = (loss) => ({
  x: d.toArray(),
  y: loss(d, zeros([121]), { reduction: 'none' }).toArray(),
})
writeFileSync(
  'pictures/losses.svg',
  await lineChart(
    { 'squared error': curve(mseLoss), 'absolute error': curve(l1Loss), huber: curve(huberLoss) },
    { title: 'What a loss makes of an error', x: 'prediction − target', y: 'loss' },
  ),
)
