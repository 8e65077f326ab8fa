import { manualSeed, noGrad, randn, tanh } from 'nabla'
import { init, Linear } from 'nabla/nn'

manualSeed(0)
// #region spread
/** The spread of the values after each of `depth` layers of tanh. */
function spreads(start, depth = 10) {
  let x = randn([256, 100])
  const out = []
  for (let i = 0; i < depth; i++) {
    const layer = new Linear(100, 100, { bias: false })
    start(layer.weight)
    x = noGrad(() => tanh(layer.forward(x)))
    out.push(x.std().item())
  }
  return out
}
const show = (list) => [list[0], list[4], list[9]].map((v) => v.toFixed(2)).join('  ')
console.log(show(spreads((w) => init.normal(w, 0, 0.01)))) // too small: the values die out //> 0.10  0.00  0.00
console.log(show(spreads((w) => init.normal(w, 0, 1)))) // too large: every neuron sits at −1 or 1 //> 0.96  0.96  0.96
console.log(show(spreads((w) => init.xavierUniform(w)))) // Xavier: they stay //> 0.63  0.32  0.23
// #endregion spread

// #region defaults
// nabla starts every layer as PyTorch does; a Linear layer from U(±1/√inputs).
const layer = new Linear(400, 10)
console.log(layer.weight.abs().max().item() <= 1 / 20) //> true
init.heNormal(layer.weight) // for layers that a ReLU follows: N(0, 2/inputs)
console.log(Math.abs(layer.weight.std().item() / Math.sqrt(2 / 400) - 1) < 0.1) //> true
// #endregion defaults
