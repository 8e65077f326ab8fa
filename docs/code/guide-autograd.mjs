import { grad, gradients, mul, noGrad, sin, tensor, valueAndGrad } from 'nabla'

// #region backward
const x = tensor([1, 2, 3], { requiresGrad: true })
x.square().sum().backward()
console.log(x.grad.toArray()) // d(Σx²)/dx = 2x //> [ 2, 4, 6 ]
x.square().sum().backward()
console.log(x.grad.toArray()) // gradients add up until you clear them //> [ 4, 8, 12 ]
x.grad = null
// #endregion backward

// #region functions
const f = (x) => sin(x).sum()
console.log(grad(f)(tensor([0])).toArray()) // cos 0 //> [ 1 ]
const [value, [slope]] = valueAndGrad((x) => mul(x, x).sum())(tensor([3]))
console.log(value.item(), slope.toArray()) //> 9 [ 6 ]
// #endregion functions

// #region inputs
const [a, b] = [tensor([2], { requiresGrad: true }), tensor([5], { requiresGrad: true })]
console.log(gradients(mul(a, b).sum(), [a, b]).map((g) => g.toArray())) //> [ [ 5 ], [ 2 ] ]
// #endregion inputs

// #region no-grad
const y = noGrad(() => x.mul(2)) // nothing is remembered: less memory
console.log(y.requiresGrad, x.detach().requiresGrad) //> false false
// #endregion no-grad
