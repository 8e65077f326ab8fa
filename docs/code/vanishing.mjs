import { writeFileSync } from 'node:fs'
import { manualSeed, mseLoss, randn, zeros } from 'nabla'
import { init, Linear, ReLU, Sequential, Sigmoid } from 'nabla/nn'
import { lineChart } from 'nabla/plot'

manualSeed(0)
// #region depth
/** The size of each layer's gradient in a network of 20 layers, from the first to the last. */
function gradients(activation, start) {
  const layers = Array.from({ length: 20 }, () => {
    const layer = new Linear(50, 50)
    start(layer.weight)
    return layer
  })
  const model = new Sequential(...layers.flatMap((l) => [l, activation()]))
  mseLoss(model.forward(randn([32, 50])), zeros([32, 50])).backward()
  return layers.map((l) => l.weight.grad.norm().item())
}
const curves = {
  'sigmoid, Xavier': gradients(
    () => new Sigmoid(),
    (w) => init.xavierUniform(w),
  ),
  'ReLU, He': gradients(
    () => new ReLU(),
    (w) => init.heNormal(w),
  ),
  'ReLU, too large': gradients(
    () => new ReLU(),
    (w) => init.normal(w, 0, 0.5),
  ),
}
for (const [name, g] of Object.entries(curves)) {
  console.log(`${name}:`, g[0] < 1e-3 * g[19] ? 'vanishes' : g[0] > 1000 ? 'explodes' : 'arrives')
}
//> sigmoid, Xavier: vanishes
//> ReLU, He: arrives
//> ReLU, too large: explodes
// #endregion depth

writeFileSync(
  'pictures/vanishing.svg',
  await lineChart(curves, {
    title: 'Size of the gradient in 20 layers, first to last',
    x: 'layer',
    y: 'norm of the gradient',
    logY: true,
  }),
)
