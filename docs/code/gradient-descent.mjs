import { writeFileSync } from 'node:fs'
import { add, compile, manualSeed, mul, rand, tensor } from 'nabla'
import { Parameter } from 'nabla/nn'
import { SGD } from 'nabla/optim'
import { lineChart } from 'nabla/plot'

manualSeed(0)
// #region bowl
/** A long valley, x² + 10 y², seen from (4, 1): the losses of 30 steps. */
function descend(options) {
  const p = new Parameter(tensor([4, 1]))
  const optimizer = new SGD([p], options)
  const step = compile(() => {
    const loss = mul(tensor([1, 10]), p.square()).sum()
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  })
  return Array.from({ length: 30 }, () => step().item())
}
const slow = descend({ lr: 0.005 })
const good = descend({ lr: 0.05 })
const large = descend({ lr: 0.11 })
const momentum = descend({ lr: 0.02, momentum: 0.8 })
console.log(slow[29].toFixed(2), good[29].toFixed(2), large[29] > large[0], momentum[29].toFixed(2)) //> 8.95 0.04 true 0.01
// #endregion bowl

// #region batches
// The gradient of a part of the data points roughly the same way, and costs a part of the time.
const data = rand([1000])
const gradientOf = (part) => {
  const w = tensor([0], { requiresGrad: true })
  add(mul(part, w), mul(part, -3)).square().mean().backward()
  return w.grad.item()
}
console.log(gradientOf(data).toFixed(2)) // all 1,000 //> -2.10
console.log(gradientOf(data.narrow(0, 10, 50)).toFixed(2)) // a mini-batch of 50 //> -2.21
console.log(gradientOf(data.narrow(0, 70, 1)).toFixed(2)) // one example //> -1.31
// #endregion batches

writeFileSync(
  'pictures/learning-rates.svg',
  await lineChart(
    { 'rate 0.005': slow, 'rate 0.05': good, 'rate 0.11': large, 'with momentum': momentum },
    { title: 'Loss by step, four learning rates', x: 'step', y: 'loss', logY: true },
  ),
)
