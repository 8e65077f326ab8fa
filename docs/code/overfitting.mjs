import { writeFileSync } from 'node:fs'
import { compile, linspace, manualSeed, mseLoss, noGrad, normal, sin } from 'nabla'
import { PolynomialFeatures, StandardScaler } from 'nabla/data'
import { Linear } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { lineChart } from 'nabla/plot'

// #region polynomials
/** Fits a polynomial to 12 noisy points of a sine; gives the errors on these and on points never seen, and the curve. */
function polynomial(degree, weightDecay = 0) {
  manualSeed(3)
  const x = linspace(-3, 3, 12).reshape([12, 1])
  const y = sin(x).add(normal([12, 1], 0, 0.25))
  const grid = linspace(-3, 3, 101).reshape([101, 1])
  const powers = new PolynomialFeatures({ degree, includeBias: false })
  const scaler = new StandardScaler()
  const [a, b] = [
    scaler.fitTransform(powers.fitTransform(x)),
    scaler.transform(powers.transform(grid)),
  ]
  const model = new Linear(degree, 1)
  const optimizer = new Adam(model.parameters(), { lr: 0.05, weightDecay })
  const step = compile(() => {
    const loss = mseLoss(model.forward(a), y)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  })
  for (let i = 0; i < 5000; i++) step()
  const curve = noGrad(() => model.forward(b))
  return {
    training: step().item(),
    unseen: mseLoss(curve, sin(grid)).item(),
    curve: { x: grid.flatten().toArray(), y: curve.flatten().toArray() },
  }
}
const [line, cubic, high, penalized] = [
  polynomial(1),
  polynomial(3),
  polynomial(11),
  polynomial(11, 0.01),
]
console.log('underfits:', line.training > 2 * cubic.training) //> underfits: true
console.log('overfits:', high.training < cubic.training, high.unseen > cubic.unseen) //> overfits: true true
console.log('a penalty on the weights helps:', penalized.unseen < high.unseen) //> a penalty on the weights helps: true
// #endregion polynomials

writeFileSync(
  'pictures/overfitting.svg',
  await lineChart(
    {
      'degree 1': line.curve,
      'degree 3': cubic.curve,
      'degree 11': high.curve,
      'degree 11, L2': penalized.curve,
    },
    { title: 'Polynomials through 12 noisy points of a sine', x: 'x', y: 'y' },
  ),
)
