/** Points of a plane, in the order of the pixels of a picture. */
import { linspace, stack, type Tensor } from 'nabla'

/** (side², 2): x from -half to half in a row, y from half down to -half. */
export function plane(side: number, half: number, center = 0): Tensor {
  const line = linspace(center - half, center + half, side)
  return stack(
    [
      line.unsqueeze(0).expand([side, side]).reshape([-1]),
      line.flip([0]).unsqueeze(1).expand([side, side]).reshape([-1]),
    ],
    1,
  )
}
