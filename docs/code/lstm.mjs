import { writeFileSync } from 'node:fs'
import { manualSeed, randn } from 'nabla'
import { GRU, LSTM, RNN } from 'nabla/nn'
import { lineChart } from 'nabla/plot'

// #region layer
const lstm = new LSTM(8, 16)
const [outputs, [h, c]] = lstm.forward(randn([20, 4, 8])) // (steps, batch, values)
console.log(outputs.shape, h.shape, c.shape) //> [ 20, 4, 16 ] [ 1, 4, 16 ] [ 1, 4, 16 ]
console.log(new RNN(8, 16).parameterCount(), new GRU(8, 16).parameterCount(), lstm.parameterCount()) //> 416 1248 1664
// #endregion layer

// #region memory
/** How much each step still moves the last output: the size of the gradient by the input, step by step. */
function memory(layer) {
  const x = randn([40, 1, 8])
  x.requiresGrad = true
  const [y] = layer.forward(x)
  y.narrow(0, 39, 1).sum().backward()
  return Array.from({ length: 40 }, (_, t) => x.grad.narrow(0, t, 1).norm().item())
}
manualSeed(2)
const curves = {
  RNN: memory(new RNN(8, 16)),
  GRU: memory(new GRU(8, 16)),
  LSTM: memory(new LSTM(8, 16)),
}
console.log(curves.LSTM[20] > 10 * curves.RNN[20]) //> true
// #endregion memory

writeFileSync(
  'pictures/memory.svg',
  await lineChart(curves, {
    title: 'What each step means to the output of step 40',
    x: 'step',
    y: 'size of the gradient',
    logY: true,
  }),
)
