import { writeFileSync } from 'node:fs'
import { matrixChart } from 'nabla/plot'
import { auc, ConfusionMatrix, meanAbsoluteError, r2 } from 'nabla/train'

// #region classes
const truth = [0, 0, 0, 1, 1, 2, 2, 2]
const predicted = [0, 0, 1, 1, 1, 2, 2, 0]
const matrix = new ConfusionMatrix(3)
matrix.add(truth, predicted)
console.log(matrix.accuracy()) // right answers of all //> 0.75
console.log([0, 1, 2].map((c) => matrix.precision(c).toFixed(2)).join(' ')) // of those called so, how many are //> 0.67 0.67 1.00
console.log([0, 1, 2].map((c) => matrix.recall(c).toFixed(2)).join(' ')) // of those that are, how many are called so //> 0.67 1.00 0.67
// #endregion classes

// #region ranks
console.log(auc([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0])) // how often a positive ranks above a negative //> 0.75
// #endregion ranks

// #region regression
console.log(meanAbsoluteError([1, 2, 3], [1, 2, 5]).toFixed(3), r2([1, 2, 3], [1, 2, 5]).toFixed(3)) //> 0.667 0.538
// #endregion regression

writeFileSync(
  'pictures/confusion.svg',
  await matrixChart(matrix.counts, { title: 'Confusion matrix' }),
)
