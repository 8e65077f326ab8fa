// @ts-check
import { compile, manualSeed, normal } from 'nabla'
import * as nn from 'nabla/nn'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ depth: number, activation: 'sigmoid' | 'tanh' | 'relu', init: 'xavier' | 'he' | 'small' | 'large', norm: boolean, residual: boolean, clip: number, seed: number }} Settings */

const WIDTH = 32

/** @param {Settings} s */
export function build(s) {
  const activation = { sigmoid: nn.Sigmoid, tanh: nn.Tanh, relu: nn.ReLU }[s.activation]
  const layers = Array.from({ length: s.depth }, () => {
    const linear = new nn.Linear(WIDTH, WIDTH)
    const fill = { xavier: nn.init.xavierNormal, he: nn.init.kaimingNormal }
    if (s.init === 'small' || s.init === 'large')
      nn.init.normal(linear.weight, 0, s.init === 'small' ? 0.02 : 0.5)
    else fill[s.init](linear.weight)
    nn.init.zeros(/** @type {Tensor} */ (linear.bias))
    return new nn.Sequential(
      linear,
      s.norm ? new nn.LayerNorm(WIDTH) : new nn.Identity(),
      new activation(),
    )
  })
  const x = normal([64, WIDTH])
  const y = normal([64, WIDTH])
  /** What each layer gives, and the gradient of its weights: spreads of both by layer. */
  const look = compile(() => {
    let h = x
    const outputs = layers.map((layer) => {
      const next = layer.forward(h)
      h = s.residual ? h.add(next) : next
      return h
    })
    const loss = h.sub(y).square().mean()
    for (const layer of layers) layer.zeroGrad()
    loss.backward()
    if (s.clip > 0)
      nn.clipGradNorm(
        layers.flatMap((l) => l.parameters()),
        s.clip,
      )
    return {
      outputs: outputs.map((h) => h.std()),
      gradients: layers.map((l) =>
        /** @type {Tensor} */ (/** @type {nn.Linear} */ (l.at(0)).weight.grad).norm(),
      ),
    }
  })
  return () => {
    const { outputs, gradients } = look()
    return { outputs: outputs.map((t) => t.item()), gradients: gradients.map((t) => t.item()) }
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { outputs, gradients } = build(s)()
  console.log('layer: spread of outputs, norm of the gradient')
  for (const [i, out] of outputs.entries()) console.log(i + 1, out, gradients[i])
}
