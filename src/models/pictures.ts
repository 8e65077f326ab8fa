/** What networks for pictures have in common. */
import { ShapeError, show } from '../core/errors.js'
import type { Tensor } from '../ops/tensor.js'

/** @throws ShapeError unless x is a batch of pictures of so many channels, whose sides have at least `least` pixels */
export function imagesOf(op: string, x: Tensor, channels: number, least: number): void {
  const fits = x.rank === 4 && x.shape[1] === channels
  if (!fits || x.shape[2]! < least || x.shape[3]! < least)
    throw new ShapeError({
      op,
      rule: `x must be (N, ${channels}, H, W) with sides of at least ${least}`,
      got: show(x.shape),
      ...(x.rank === 3 && { fix: 'A single picture is x.unsqueeze(0).' }),
    })
}
