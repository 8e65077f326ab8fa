/** Networks that choose actions. */
import { ReLU, Tanh } from '../nn/activations.js'
import * as init from '../nn/init.js'
import { type Layer, Linear, Sequential } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { reshape } from '../ops/broadcast.js'
import type { Tensor } from '../ops/tensor.js'
import { type Generator, withGenerator } from '../tensor/random.js'

/** Affine maps with an activation after each but the last, orthogonal at the start. */
function network(
  sizes: readonly number[],
  activation: () => Layer,
  lastGain: number,
  generator: Generator,
): Sequential {
  return withGenerator(generator, () => {
    const layers: Layer[] = []
    for (let i = 1; i < sizes.length; i++) {
      const last = i === sizes.length - 1
      const layer = new Linear(sizes[i - 1]!, sizes[i]!)
      init.orthogonal(layer.weight, last ? lastGain : Math.SQRT2, { generator })
      init.zeros(layer.bias!)
      layers.push(layer)
      if (!last) layers.push(activation())
    }
    return new Sequential(...layers)
  })
}

/**
 * A network for the logits of the actions and one for the value of the state, both with tanh between their layers.
 * Orthogonal initial values with gain √2, 0.01 for the logits and 1 for the value (Schulman et al.'s own code, as
 * Stable-Baselines3 has it).
 *
 * Shapes: (N, features) to logits (N, actions) and values (N).
 */
export class ActorCritic extends Module {
  actor: Sequential
  critic: Sequential
  constructor(features: number, actions: number, hidden: readonly number[], generator: Generator) {
    super()
    const tanh = () => new Tanh()
    this.actor = network([features, ...hidden, actions], tanh, 0.01, generator)
    this.critic = network([features, ...hidden, 1], tanh, 1, generator)
  }
  override forward(x: Tensor): [logits: Tensor, values: Tensor] {
    return [this.actor.forward(x) as Tensor, this.value(x)]
  }
  /** (N, features) to (N). */
  value(x: Tensor): Tensor {
    return reshape(this.critic.forward(x) as Tensor, [x.shape[0]!])
  }
}

/** A network for the value of each action, ReLU between its layers. Shapes: (N, features) to (N, actions). */
export const valueNetwork = (
  features: number,
  actions: number,
  hidden: readonly number[],
  generator: Generator,
): Sequential => network([features, ...hidden, actions], () => new ReLU(), 1, generator)
