import { add, manualSeed, matmul, randn, tanh, zeros } from 'nabla'
import { RNN } from 'nabla/nn'

manualSeed(0)
// #region cell
// The same weights at every step; the state h carries what came before.
const [Wx, Wh, b] = [randn([3, 4]), randn([4, 4]), randn([4])]
const steps = randn([5, 3]) // 5 steps of 3 values
let h = zeros([1, 4])
for (let t = 0; t < 5; t++) h = tanh(add(add(matmul(steps.narrow(0, t, 1), Wx), matmul(h, Wh)), b))
console.log(h.shape) //> [ 1, 4 ]
// #endregion cell

// #region layer
const rnn = new RNN(3, 4)
const [outputs, last] = rnn.forward(randn([5, 2, 3])) // (steps, batch, values)
console.log(outputs.shape, last.shape) //> [ 5, 2, 4 ] [ 1, 2, 4 ]
// #endregion layer
