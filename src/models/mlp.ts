import { type Layer, Linear, Sequential } from '../nn/layers.js'

/**
 * A multilayer perceptron: affine maps with activations between them, none after the last.
 *
 * Shapes: (N, sizes[0]) to (N, sizes.at(-1)).
 */
export function mlp(sizes: readonly number[], activation: () => Layer): Sequential {
  const layers: Layer[] = []
  for (let i = 1; i < sizes.length; i++) {
    layers.push(new Linear(sizes[i - 1]!, sizes[i]!))
    if (i < sizes.length - 1) layers.push(activation())
  }
  return new Sequential(...layers)
}
