// @ts-check
import { compile, indexSelect, manualSeed, normal, randint, scan, stack, tensor } from 'nabla'
import { Adadelta, Adagrad, Adam, RMSprop, SGD } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ surface: string, rate: number, batch: number, start: [number, number], seed: number, optimizers: string[] }} Settings */

/** The points that a line y = a x + b is fitted to. */
export function line() {
  const x = normal([40])
  return {
    x,
    y: x
      .mul(0.8)
      .sub(0.5)
      .add(normal([40]).mul(0.6)),
  }
}

/**
 * Heights at (x, y), both of any shape. For the line: the mean squared error of slope x and intercept y.
 * @param {string} name @param {{ x: Tensor, y: Tensor }} data @returns {(x: Tensor, y: Tensor) => Tensor}
 */
export function surface(name, data) {
  switch (name) {
    case 'valley':
      return (x, y) => x.square().mul(0.05).add(y.square())
    case 'saddle':
      return (x, y) => x.square().sub(y.square()).div(4).add(y.square().square().div(60))
    case 'plateau':
      return (x, y) =>
        x
          .square()
          .add(y.square())
          .div(-2)
          .exp()
          .mul(-3)
          .add(3)
          .add(x.square().add(y.square()).mul(0.01))
    case 'minima':
      return (x, y) => x.square().sub(2).square().div(4).add(y.square()).add(x.mul(0.3))
    case 'rosenbrock':
      return (x, y) => x.neg().add(1).square().add(y.sub(x.square()).square().mul(2)).div(6)
    case 'line':
      return (x, y) => {
        const error = x.unsqueeze(-1).mul(data.x).add(y.unsqueeze(-1)).sub(data.y)
        return error.square().mean(-1)
      }
    default:
      return (x, y) => x.square().add(y.square()).div(2)
  }
}

/** @type {Record<string, (p: Tensor[], lr: number) => SGD | Adam | Adagrad | RMSprop | Adadelta>} */
const makers = {
  sgd: (p, lr) => new SGD(p, { lr }),
  momentum: (p, lr) => new SGD(p, { lr, momentum: 0.9 }),
  adagrad: (p, lr) => new Adagrad(p, { lr }),
  rmsprop: (p, lr) => new RMSprop(p, { lr }),
  // It finds its own rate from almost nothing: this page gives it a hundred times as much.
  adadelta: (p, lr) => new Adadelta(p, { lr: lr * 100 }),
  adam: (p, lr) => new Adam(p, { lr }),
}

/** @param {Settings} s */
export function build(s) {
  const data = line()
  const walkers = s.optimizers.map((name) => {
    const p = tensor(s.start, { requiresGrad: true })
    return { name, p, optimizer: /** @type {Adam} */ (makers[name]?.([p], s.rate)) }
  })
  const noisy = s.surface === 'line' && s.batch < 40
  /** One step of each; gives where they are, (optimizers, 2). */
  const step = () => {
    // A minibatch is a part of the points: the surface that it sees is a little off.
    const part = noisy ? randint(0, 40, [s.batch]) : undefined
    const seen = part ? { x: indexSelect(data.x, 0, part), y: indexSelect(data.y, 0, part) } : data
    const height = surface(s.surface, seen)
    for (const { p, optimizer } of walkers) {
      optimizer.zeroGrad()
      height(p.select(0, 0), p.select(0, 1)).backward()
      optimizer.step()
    }
    return stack(walkers.map(({ p }) => p))
  }
  const height = surface(s.surface, data)
  return {
    walkers,
    height,
    /** `k` steps in one call: the places after each, (k, optimizers, 2). @type {(k: number) => Tensor} */
    run: compile((k) => scan(() => [null, step()], null, null, { length: k })[1]),
    heights: () => walkers.map(({ p }) => height(p.select(0, 0), p.select(0, 1)).item()),
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, heights } = build(s)
  for (let i = 0; i < 5; i++) {
    run(20)
    console.log(
      `after ${(i + 1) * 20} steps:`,
      s.optimizers.map((name, j) => `${name} ${heights()[j]}`).join(', '),
    )
  }
}
