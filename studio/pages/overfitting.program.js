// @ts-check
import {
  compile,
  linspace,
  manualSeed,
  normal,
  permutation,
  rand,
  scan,
  stack,
  tensor,
} from 'nabla'
import * as nn from 'nabla/nn'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ data: 'sine' | 'own', own: number[][], degree: number, points: number, noise: number, l1: number, l2: number, dropout: number, augment: number, stop: boolean, seed: number }} Settings */

/** The Legendre polynomials 1 to `degree`: powers of x that do not resemble each other. @param {Tensor} x @param {number} degree */
export function powers(x, degree) {
  const list = [x.mul(0).add(1), x]
  for (let n = 1; n < degree; n++)
    list.push(
      /** @type {Tensor} */ (list[n])
        .mul(x)
        .mul((2 * n + 1) / (n + 1))
        .sub(/** @type {Tensor} */ (list[n - 1]).mul(n / (n + 1))),
    )
  return stack(list.slice(1, degree + 1), 1)
}
/** What is to be learned. @param {Tensor} x */
export const truth = (x) => x.mul(Math.PI).sin()

/** Whether there is a table of one's own. @param {Settings} s */
export const isOwn = (s) => s.data === 'own' && s.own.length > 0
/** The points (x, y) of a table in any order: a fourth of them is for validation. @param {number[][]} rows */
function parted(rows) {
  const order = [...permutation(rows.length).toTypedArray()]
  const share = Math.ceil(rows.length / 4)
  /** @param {number[]} places @param {number} column */
  const column = (places, column) => tensor(places.map((i) => rows[i]?.[column] ?? 0))
  const points = (/** @type {number[]} */ places) => ({
    x: column(places, 0),
    y: column(places, 1),
  })
  return { train: points(order.slice(share)), validation: points(order.slice(0, share)) }
}

/** @param {Settings} s */
export function build(s) {
  /** @param {number} n */
  const sample = (n) => {
    const x = rand([n]).mul(2).sub(1)
    return { x, y: truth(x).add(normal([n]).mul(s.noise)) }
  }
  const { train, validation } = isOwn(s)
    ? parted(s.own)
    : { train: sample(s.points), validation: sample(60) }
  const model = new nn.Sequential(new nn.Dropout(s.dropout), new nn.Linear(s.degree, 1))
  const weight = model.parameters()[0]
  const optimizer = new Adam(model.parameters(), { lr: 0.02 })
  /** @param {Tensor} x */
  const answer = (x) => model.forward(powers(x, s.degree)).squeeze(1)
  const step = () => {
    // Augmentation: each step sees the points a little moved.
    const x = s.augment > 0 ? train.x.add(normal(train.x.shape).mul(s.augment)) : train.x
    const loss = answer(x).sub(train.y).square().mean()
    const w = /** @type {Tensor} */ (weight)
    const total = loss.add(w.abs().sum().mul(s.l1)).add(w.square().sum().mul(s.l2))
    optimizer.zeroGrad()
    total.backward()
    optimizer.step()
    return loss
  }
  const steps = compile(
    (/** @type {number} */ k) => scan(() => [null, step()], null, null, { length: k })[1],
  )
  const error = compile((/** @type {Tensor} */ x, /** @type {Tensor} */ y) =>
    answer(x).sub(y).square().mean(),
  )
  const curve = compile((/** @type {Tensor} */ x) => answer(x))
  const inference = (/** @type {() => Tensor} */ f) => {
    model.eval()
    return f()
  }
  return {
    train,
    validation,
    grid: linspace(-1, 1, 161),
    /** Takes `k` steps in one call. @param {number} k */
    run(k) {
      model.train()
      return steps(k)
    },
    errors: () => ({
      train: inference(() => error(train.x, train.y)).item(),
      validation: inference(() => error(validation.x, validation.y)).item(),
    }),
    /** @param {Tensor} x */
    answer: (x) => inference(() => curve(x)),
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, errors } = build(s)
  for (let i = 0; i < 4; i++) {
    run(500)
    const { train, validation } = errors()
    console.log(
      `after ${(i + 1) * 500} steps: training error ${train}, validation error ${validation}`,
    )
  }
}
