import { manualSeed } from 'nabla'
import type { Session } from '../engine/session.js'
import { build, type Settings } from './clusters.program.js'

export interface Frame {
  /** x and y in turn. */
  at: Float32Array
  /** What is known of the rows, which no method here looks at. */
  labels: number[]
  /** What k-means found. */
  found: number[]
  centers: Float32Array
  /** The inertia of k-means, the divergence of t-SNE. */
  value: number
}

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const { labels, step, now, centers } = build(s)
  return {
    fixed: { labels },
    ...(s.method !== 'pca' && {
      advance(n: number) {
        let taken = 0
        while (taken < n && step()) taken++
        return taken
      },
    }),
    frame: () => ({
      at: Float32Array.from(now().at.toTypedArray<Float32Array>()),
      found: now().labels,
      centers:
        s.method === 'kmeans'
          ? Float32Array.from(centers().toTypedArray<Float32Array>())
          : new Float32Array(0),
      value: now().inertia,
    }),
  }
}
