import { manualSeed, normal } from 'nabla'
import { BatchNorm1d, LayerNorm } from 'nabla/nn'

manualSeed(0)
const two = (t) =>
  t
    .toArray()
    .map((v) => v.toFixed(2).replace('-0.00', '0.00'))
    .join(' ')
// #region batch-norm
const x = normal([64, 3], 5, 2) // 64 examples, 3 features around 5
const bn = new BatchNorm1d(3)
const y = bn.forward(x) // in training: by the statistics of this batch
console.log(two(y.mean(0)), '|', two(y.std(0, { correction: 0 }))) //> 0.00 0.00 0.00 | 1.00 1.00 1.00
// The running statistics move a tenth of the way toward those of each batch.
console.log(bn.runningMean.toArray().every((m) => m > 0.4 && m < 0.6)) //> true
bn.eval() // in use: by the running statistics, so that one example is enough
console.log(bn.forward(x.narrow(0, 0, 1)).shape) //> [ 1, 3 ]
// #endregion batch-norm

// #region layer-norm
const ln = new LayerNorm(3)
const z = ln.forward(x) // each example by itself, in training and in use
console.log(two(z.mean(1).narrow(0, 0, 3))) //> 0.00 0.00 0.00
// #endregion layer-norm
