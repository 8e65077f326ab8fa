import { writeFileSync } from 'node:fs'
import { compile, tensor } from 'nabla'
import { Parameter } from 'nabla/nn'
import { Adadelta, Adagrad, Adam, CosineAnnealingLR, RMSprop, SGD, StepLR } from 'nabla/optim'
import { lineChart } from 'nabla/plot'

// #region race
/** Rosenbrock's valley, (1 − x)² + 100 (y − x²)²: narrow, bent, its lowest point at (1, 1). */
function race(make) {
  const p = new Parameter(tensor([-1.2, 1]))
  const optimizer = make([p])
  const step = compile(() => {
    const [x, y] = [p.slice([0]), p.slice([1])]
    const loss = x.sub(1).square().add(y.sub(x.square()).square().mul(100))
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  })
  return Array.from({ length: 500 }, () => step().item())
}
const curves = {
  SGD: race((p) => new SGD(p, { lr: 0.001 })),
  momentum: race((p) => new SGD(p, { lr: 0.001, momentum: 0.9 })),
  Adagrad: race((p) => new Adagrad(p, { lr: 0.1 })),
  RMSprop: race((p) => new RMSprop(p, { lr: 0.01 })),
  Adadelta: race((p) => new Adadelta(p, { lr: 1 })),
  Adam: race((p) => new Adam(p, { lr: 0.05 })),
}
for (const [name, losses] of Object.entries(curves)) console.log(name, losses.at(-1) < losses[0])
//> SGD true
//> momentum true
//> Adagrad true
//> RMSprop true
//> Adadelta true
//> Adam true
// #endregion race

// #region schedules
const optimizer = new SGD([new Parameter(tensor([0]))], { lr: 0.1 })
const rates = (schedule) =>
  Array.from({ length: 4 }, () => {
    const lr = optimizer.lr
    schedule.step()
    return lr.toFixed(3)
  }).join(' ')
console.log(rates(new StepLR(optimizer, 2, 0.1))) //> 0.100 0.100 0.010 0.010
optimizer.lr = 0.1
console.log(rates(new CosineAnnealingLR(optimizer, 4))) //> 0.100 0.085 0.050 0.015
// #endregion schedules

writeFileSync(
  'pictures/optimizers.svg',
  await lineChart(curves, {
    title: "Rosenbrock's valley, 500 steps",
    x: 'step',
    y: 'loss',
    logY: true,
  }),
)
