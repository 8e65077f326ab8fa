import { add, grad, mul, sigmoid, sub, tensor } from 'nabla'

// #region graph
const w = tensor([0.5], { requiresGrad: true })
const b = tensor([-0.2], { requiresGrad: true })
const [x, y] = [tensor([2]), tensor([1])]

// Forward: each result remembers the operation it came from.
const z = add(mul(w, x), b)
const a = sigmoid(z)
const loss = sub(a, y).square()

// Backward: from the loss to the weights, by the chain rule.
loss.backward(tensor([1]))
console.log(w.grad.item().toFixed(4), b.grad.item().toFixed(4)) //> -0.2653 -0.1326
// #endregion graph

// #region by-hand
const s = a.item()
const dLoss = 2 * (s - 1) // dL/da
const dSigmoid = s * (1 - s) // da/dz
console.log((dLoss * dSigmoid * 2).toFixed(4), (dLoss * dSigmoid).toFixed(4)) // dz/dw = x = 2, dz/db = 1 //> -0.2653 -0.1326
// #endregion by-hand

// #region numeric
// The gradient is the slope: move the weight a little and see what the loss does.
const lossOf = (v) => (1 / (1 + Math.exp(-(v * 2 - 0.2))) - 1) ** 2
const h = 1e-5
console.log(((lossOf(0.5 + h) - lossOf(0.5 - h)) / (2 * h)).toFixed(4)) //> -0.2653
// #endregion numeric

// #region twice
// Gradients are made of operations, so they have gradients too: d²(x³)/dx² = 6x.
const cube = (t) => mul(t, mul(t, t)).sum()
const first = grad(cube)
const second = grad((t) => first(t).sum())
console.log(second(tensor([2, 3])).toArray()) //> [ 12, 18 ]
// #endregion twice
