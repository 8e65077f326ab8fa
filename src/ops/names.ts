import type { Tensor } from './tensor.js'

/** The names under which models hold their parameters, for messages. */
const names = new WeakMap<Tensor, string>()

/** The longest path wins: that of the whole model. */
export function nameTensor(t: Tensor, name: string): void {
  if ((names.get(t)?.length ?? 0) < name.length) names.set(t, name)
}
export const nameOf = (t: Tensor): string | undefined => names.get(t)
