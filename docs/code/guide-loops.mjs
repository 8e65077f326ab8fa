import { compile, manualSeed, ones, randn, scan, symbolicTrace, tensor, whileLoop } from 'nabla'
import { Linear } from 'nabla/nn'
import { SGD } from 'nabla/optim'

// #region epoch
manualSeed(0)
const model = new Linear(2, 1)
const optimizer = new SGD(model.parameters(), { lr: 0.1 })
const step = (x, y) => {
  const loss = model.forward(x).sub(y).square().mean()
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
}
const epoch = compile((xs, ys) => scan((_, [x, y]) => [null, step(x, y)], null, [xs, ys])[1])

const xs = randn([100, 8, 2]) // 100 minibatches of 8 examples
const ys = xs.matmul(tensor([[3], [-2]])).add(1)
const losses = epoch(xs, ys) // one call: the loss of each of 100 steps
console.log(losses.shape, losses.at(99).item() < 1e-3, epoch.traces) //> [ 100 ] true 1
console.log(model.bias.toArray()[0].toFixed(2)) //> 1.00
// #endregion epoch

// #region gradient
const rate = tensor(0.5, { requiresGrad: true })
const decayed = compile(() => {
  const [last] = scan((value) => [value.mul(rate), null], 8, null, { length: 3 })
  last.backward() // 8 r³ at r = 0.5
  return last
})
console.log(decayed().item(), rate.grad.item()) //> 1 6
// #endregion gradient

// #region while
const collatz = compile((n) =>
  whileLoop(
    ([n]) => n.gt(1),
    ([n, steps]) => [n.div(2).where(n.remainder(2).eq(0), n.mul(3).add(1)), steps.add(1)],
    [n, 0],
  ),
)
console.log(collatz(tensor(27))[1].item()) //> 111
// #endregion while

// #region calls
const graph = symbolicTrace((x) => model.forward(x).relu(), ones([1, 2]))
for (const call of graph.all()) console.log(call.kind, call.name, call.outputs[0].shape)
//> module Linear [ 1, 1 ]
//> operation linear [ 1, 1 ]
//> operation permute [ 2, 1 ]
//> operation bmm [ 1, 1 ]
//> operation relu [ 1, 1 ]
// #endregion calls
