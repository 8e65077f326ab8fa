import { tensor } from 'nabla'
import {
  DataLoader,
  MinMaxScaler,
  OneHotEncoder,
  randomSplit,
  StandardScaler,
  TensorDataset,
} from 'nabla/data'

const round = (t) => t.toArray().map((row) => row.map((v) => Number(v.toFixed(2))))
// #region scale
const people = tensor([
  [170, 65],
  [180, 80],
  [160, 50],
]) // centimetres, kilograms
console.log(round(new StandardScaler().fitTransform(people))) //> [ [ 0, 0 ], [ 1.22, 1.22 ], [ -1.22, -1.22 ] ]
console.log(round(new MinMaxScaler().fitTransform(people))) //> [ [ 0.5, 0.5 ], [ 1, 1 ], [ 0, 0 ] ]
// What is learned from the training data is used on the test data as it is.
const scaler = new StandardScaler().fit(people)
console.log(round(scaler.transform(tensor([[170, 65]])))) //> [ [ 0, 0 ] ]
// #endregion scale

// #region classes
console.log(new OneHotEncoder().fitTransform([['red'], ['blue'], ['red']]).toArray()) //> [ [ 0, 1 ], [ 1, 0 ], [ 0, 1 ] ]
// #endregion classes

// #region loader
const x = tensor([[1], [2], [3], [4], [5], [6], [7], [8], [9], [10]])
const y = x.mul(2)
const [train, test] = randomSplit(new TensorDataset(x, y), [8, 2], { seed: 1 })
console.log(train.length, test.length)
const loader = new DataLoader(train, { batchSize: 3, shuffle: true, seed: 1 })
for (const [inputs] of loader) console.log(inputs.shape)
//> 8 2
//> [ 3, 1 ]
//> [ 3, 1 ]
//> [ 2, 1 ]
// #endregion loader
