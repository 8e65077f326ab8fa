import { add, manualSeed, randn, relu } from 'nabla'
import { Linear, Module } from 'nabla/nn'

manualSeed(0)
// #region block
class Block extends Module {
  a = new Linear(64, 64)
  b = new Linear(64, 64)
  constructor(residual) {
    super()
    this.residual = residual
  }
  forward(x) {
    const y = this.b.forward(relu(this.a.forward(x)))
    return relu(this.residual ? add(x, y) : y) // with x itself added, the gradient has a way of its own
  }
}
/** The gradient that arrives at the input of 50 blocks. */
function arrives(residual) {
  const x = randn([8, 64])
  x.requiresGrad = true
  let y = x
  for (let i = 0; i < 50; i++) y = new Block(residual).forward(y)
  y.square().mean().backward()
  return x.grad.norm().item()
}
console.log('plain', arrives(false) < 1e-12 ? 'vanishes' : 'arrives') //> plain vanishes
console.log('residual', arrives(true) < 1e-12 ? 'vanishes' : 'arrives') //> residual arrives
// #endregion block
