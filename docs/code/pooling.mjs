import { avgPool2d, globalAvgPool, maxPool2d, minPool2d, tensor } from 'nabla'

// #region pools
const x = tensor([
  [
    [
      [1, 2, 5, 6],
      [3, 4, 7, 8],
      [9, 1, 2, 3],
      [1, 1, 4, 0],
    ],
  ],
]) // (N, C, H, W)
console.log(maxPool2d(x, 2).flatten().toArray()) //> [ 4, 8, 9, 4 ]
console.log(minPool2d(x, 2).flatten().toArray()) //> [ 1, 5, 1, 0 ]
console.log(avgPool2d(x, 2).flatten().toArray()) //> [ 2.5, 6.5, 3, 2.25 ]
console.log(globalAvgPool(x).flatten().toArray()) //> [ 3.5625 ]
// #endregion pools

// #region shift
// A pattern that moves by one cell often stays in its window: the answer does not change.
const at = (i) => tensor([[[[0, 0, 0, 0].map((_, j) => (j === i ? 1 : 0)), [0, 0, 0, 0]]]])
console.log(maxPool2d(at(0), 2).flatten().toArray(), maxPool2d(at(1), 2).flatten().toArray()) //> [ 1, 0 ] [ 1, 0 ]
// #endregion shift
