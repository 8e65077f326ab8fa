// @ts-check
import { compile, huberLoss, l1Loss, linspace, mseLoss, scan, tensor, zeros } from 'nabla'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ points: [number, number][], delta: number, rate: number }} Settings */

/** @type {Record<string, (s: Settings) => (a: Tensor, b: Tensor) => Tensor>} */
export const losses = {
  mse: () => (a, b) => mseLoss(a, b),
  mae: () => (a, b) => l1Loss(a, b),
  huber:
    ({ delta }) =>
    (a, b) =>
      huberLoss(a, b, { delta }),
}

/** A line for each loss, all fitted to the same points. @param {Settings} s */
export function build(s) {
  const x = tensor(s.points.map(([a]) => a))
  const y = tensor(s.points.map(([, b]) => b))
  const lines = Object.entries(losses).map(([name, make]) => {
    const p = zeros([2])
    p.requiresGrad = true
    const loss = make(s)
    return {
      name,
      p,
      of: () => loss(x.mul(p.select(0, 0)).add(p.select(0, 1)), y),
      optimizer: new Adam([p], { lr: s.rate }),
    }
  })
  const step = () => {
    for (const { of, optimizer } of lines) {
      optimizer.zeroGrad()
      of().backward()
      optimizer.step()
    }
  }
  return {
    run: compile((/** @type {number} */ k) => {
      scan(
        () => {
          step()
          return [null, null]
        },
        null,
        null,
        { length: k },
      )
    }),
    /** Slope, intercept and loss of each. */
    look: () =>
      lines.map(({ name, p, of }) => ({
        name,
        slope: p.at(0).item(),
        intercept: p.at(1).item(),
        loss: of().item(),
      })),
  }
}

/** Each loss for one error from -3 to 3. @param {Settings} s */
export function shapes(s) {
  const error = linspace(-3, 3, 121)
  const one = (/** @type {Tensor} */ e) => e.unsqueeze(0)
  return {
    error,
    curves: Object.values(losses).map((make) =>
      [...error.toTypedArray()].map((e) => make(s)(one(tensor(e)), tensor([0])).item()),
    ),
  }
}

/** @param {Settings} s */
export function main(s) {
  const { run, look } = build(s)
  run(1000)
  for (const { name, slope, intercept, loss } of look())
    console.log(name, 'slope', slope, 'intercept', intercept, 'loss', loss)
}
