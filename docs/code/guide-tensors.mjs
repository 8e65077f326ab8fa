import {
  add,
  arange,
  concat,
  manualSeed,
  mul,
  ones,
  randn,
  stack,
  tensor,
  where,
  zeros,
} from 'nabla'

// #region create
const a = tensor([
  [1, 2],
  [3, 4],
]) // float32 unless you say otherwise
const labels = tensor([0, 2, 1], { dtype: 'int32' })
const mask = tensor([true, false])
console.log(a.shape, a.dtype, labels.dtype, mask.dtype) //> [ 2, 2 ] float32 int32 bool
console.log(zeros([2, 3]).shape, ones([4]).sum().item(), arange(0, 5).toArray()) //> [ 2, 3 ] 4 [ 0, 1, 2, 3, 4 ]
manualSeed(1) // one seed, the same numbers on every backend
console.log(randn([2]).shape)
// #endregion create

// #region print
console.log(`${a}`)
//> [ 2 ]
//> tensor([[1., 2.],
//>         [3., 4.]])
// #endregion print

// #region compute
console.log(a.add(10).toArray()) //> [ [ 11, 12 ], [ 13, 14 ] ]
console.log(add(a, a).toArray(), mul(a, 2).toArray()) //> [ [ 2, 4 ], [ 6, 8 ] ] [ [ 2, 4 ], [ 6, 8 ] ]
console.log(a.matmul(a).toArray()) //> [ [ 7, 10 ], [ 15, 22 ] ]
console.log(a.sum().item(), a.sum(0).toArray(), a.mean(1).toArray()) //> 10 [ 4, 6 ] [ 1.5, 3.5 ]
// #endregion compute

// #region broadcast
const row = tensor([10, 20]) // (2)
const column = tensor([[1], [2]]) // (2, 1)
console.log(a.add(row).toArray(), a.add(column).toArray()) //> [ [ 11, 22 ], [ 13, 24 ] ] [ [ 2, 3 ], [ 5, 6 ] ]
// #endregion broadcast

// #region shape
const x = arange(0, 6).reshape([2, 3])
console.log(x.transpose(0, 1).shape, x.flatten().shape, x.unsqueeze(0).shape) //> [ 3, 2 ] [ 6 ] [ 1, 2, 3 ]
console.log(x.slice([1]).toArray(), x.slice([null, [0, 2]]).toArray()) // x[1], x[:, 0:2] //> [ 3, 4, 5 ] [ [ 0, 1 ], [ 3, 4 ] ]
console.log(concat([x, x], 0).shape, stack([x, x]).shape) //> [ 4, 3 ] [ 2, 2, 3 ]
// #endregion shape

// #region choose
console.log(where(x.gt(2), x, 0).toArray()) //> [ [ 0, 0, 0 ], [ 3, 4, 5 ] ]
console.log(x.argmax(1).toArray(), x.eq(3).any().item()) //> [ 2, 2 ] 1
// #endregion choose

// #region out
console.log(a.toArray(), a.toTypedArray(), a.sum().item()) //> [ [ 1, 2 ], [ 3, 4 ] ] Float32Array(4) [ 1, 2, 3, 4 ] 10
// #endregion out
