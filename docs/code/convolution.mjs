import { writeFileSync } from 'node:fs'
import { concat, conv1d, conv2d, tensor } from 'nabla'
import { mnist } from 'nabla/data'
import { Conv2d } from 'nabla/nn'
import { imageGrid } from 'nabla/plot'

// #region one-dimension
// A kernel slides over a signal. What networks call convolution does not flip the kernel (cross-correlation).
const signal = tensor([[[1, 2, 3, 4, 5]]]) // (N, C, L)
const kernel = tensor([[[1, 0, -1]]]) // (out, in, K)
console.log(conv1d(signal, kernel).flatten().toArray()) //> [ -2, -2, -2 ]
console.log(conv1d(signal, kernel.flip(2)).flatten().toArray()) // flipped: the convolution of mathematics //> [ 2, 2, 2 ]
console.log(conv1d(signal, kernel, null, { padding: 1 }).flatten().toArray()) // zeros around: as long as before //> [ -2, -2, -2, -2, 4 ]
console.log(conv1d(signal, kernel, null, { stride: 2 }).flatten().toArray()) //> [ -2, -2 ]
// #endregion one-dimension

// #region edges
// Sobel's kernels answer to edges.
const sobelX = tensor([
  [
    [
      [-1, 0, 1],
      [-2, 0, 2],
      [-1, 0, 1],
    ],
  ],
])
const sobelY = sobelX.transpose(2, 3)
const digit = mnist().test.get(0)[0].reshape([1, 1, 28, 28])
const edges = concat(
  [digit, conv2d(digit, sobelX, null, { padding: 1 }), conv2d(digit, sobelY, null, { padding: 1 })],
  0,
)
console.log(edges.shape) //> [ 3, 1, 28, 28 ]
// #endregion edges
writeFileSync('pictures/sobel.png', imageGrid(edges, { columns: 3, scale: 6 }))

// #region layer
const layer = new Conv2d(3, 8, { kernelSize: 3, padding: 1 })
console.log(layer.parameterCount()) // 8·3·3·3 weights and 8 biases, for a picture of any size //> 224
// #endregion layer
