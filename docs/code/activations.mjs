import { writeFileSync } from 'node:fs'
import {
  elu,
  gelu,
  gradients,
  leakyRelu,
  linspace,
  relu,
  sigmoid,
  silu,
  softmax,
  tanh,
  tensor,
} from 'nabla'
import { lineChart } from 'nabla/plot'

const show = (t) =>
  t
    .toArray()
    .map((v) => v.toFixed(3))
    .join('  ')

// #region values
const x = tensor([-2, 0, 2])
console.log(show(sigmoid(x))) //> 0.119  0.500  0.881
console.log(show(tanh(x))) //> -0.964  0.000  0.964
console.log(show(relu(x))) //> 0.000  0.000  2.000
console.log(show(leakyRelu(x, 0.1))) //> -0.200  0.000  2.000
// #endregion values

// #region slopes
const at = linspace(-5, 5, 201)
const slope = (f) => gradients(f(at).sum(), [at])[0]
at.requiresGrad = true
const slopes = { sigmoid: slope(sigmoid), tanh: slope(tanh), relu: slope(relu), gelu: slope(gelu) }
// The slope of a sigmoid is 1/4 at most: this is why deep networks of sigmoids learn slowly.
console.log(Math.max(...slopes.sigmoid.toArray()).toFixed(3)) //> 0.250
console.log(Math.max(...slopes.tanh.toArray()).toFixed(3)) //> 1.000
// #endregion slopes

// #region softmax
const scores = tensor([2, 1, 0])
console.log(show(softmax(scores, 0))) //> 0.665  0.245  0.090
console.log(show(softmax(scores.div(0.1), 0))) //> 1.000  0.000  0.000
console.log(show(softmax(scores.div(10), 0))) //> 0.367  0.332  0.301
// #endregion softmax

const curve = (f) => ({ x: at.toArray(), y: f(at).toArray() })
writeFileSync(
  'pictures/activations.svg',
  await lineChart(
    {
      sigmoid: curve(sigmoid),
      tanh: curve(tanh),
      relu: curve(relu),
      leakyRelu: curve((t) => leakyRelu(t, 0.1)),
      elu: curve(elu),
      silu: curve(silu),
    },
    { title: 'Activation functions', x: 'x', y: 'y' },
  ),
)
const xs = at.toArray()
writeFileSync(
  'pictures/activation-slopes.svg',
  await lineChart(
    Object.fromEntries(
      Object.entries(slopes).map(([name, t]) => [name, { x: xs, y: t.toArray() }]),
    ),
    { title: 'Their derivatives', x: 'x', y: 'dy/dx' },
  ),
)
