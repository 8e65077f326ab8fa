import { manualSeed, noGrad, tensor } from 'nabla'
import type { Session } from '../engine/session.js'
import { plane } from '../engine/plane.js'
import { activation, curve, neuron, probabilities, type Settings } from './neuron.program.js'

export interface Frame {
  z: Float32Array
  y: Float32Array
  slope: Float32Array
  /** The neuron now. */
  at: { z: number; y: number; slope: number }
  field: Float32Array
  probabilities: Float32Array
}

export function create(s: Settings): Session<Frame> {
  return {
    frame() {
      const p = probabilities(s).toTypedArray<Float32Array>()
      // A vector in, a vector out: softmax has no curve of one number.
      const f = s.f === 'softmax' ? { ...s, f: 'sigmoid' } : s
      manualSeed(s.seed)
      const { z, y, slope } = curve(f)
      const { field, now } = noGrad(() => ({
        field: neuron(f, plane(48, 5)).y,
        now: neuron(f, tensor([s.x1, s.x2])).z.item(),
      }))
      manualSeed(s.seed)
      const at = tensor([now], { requiresGrad: true })
      const out = activation(f).forward(at)
      out.sum().backward()
      return {
        z: z.toTypedArray<Float32Array>(),
        y: y.toTypedArray<Float32Array>(),
        slope: slope.toTypedArray<Float32Array>(),
        at: { z: now, y: out.item(), slope: at.grad!.item() },
        field: field.toTypedArray<Float32Array>(),
        probabilities: p,
      }
    },
  }
}
