/** Operations without golden numbers of their own, each with its reason. */

/** Parts of a public operation, whose cases go through them. */
export const within: Record<string, string> = {
  placed: 'diagonal',
  viewed: 'slice',
  wrapIndex: 'take',
  firstPlaces: 'scatterAdd',
  padEnd: 'scatterAdd',
  scatterMul: 'scatterReduce',
  scatterMax: 'scatterReduce',
  scatterMin: 'scatterReduce',
  padConstant: 'pad',
  maxAlong: 'max',
  minAlong: 'min',
  coordinates: 'triu',
  bmm: 'matmul',
  labelLoss: 'crossEntropy',
  classIndex: 'crossEntropy',
  fixed: 'ctcLoss',
}

/** Numbers from another source, in another test. */
export const provedElsewhere: Record<string, string> = {
  randomBits:
    'Philox4x32-10: the known answer of its paper in the example; PyTorch has another generator',
  bitsToUniform: 'tests/tensor/random.test.ts; PyTorch has another generator',
  bitsToNormal: 'tests/tensor/random.test.ts; PyTorch has another generator',
  uniform: 'tests/tensor/random.test.ts; PyTorch has another generator',
  rand: 'uniform from 0 to 1',
  normal: 'tests/tensor/random.test.ts; PyTorch has another generator',
  randn: 'normal of mean 0 and deviation 1',
  bernoulli: 'tests/tensor/random.test.ts; PyTorch has another generator',
  randint: 'tests/tensor/random.test.ts; PyTorch has another generator',
  permutation: 'tests/tensor/random.test.ts; PyTorch has another generator',
  multinomial: 'tests/tensor/random.test.ts; PyTorch has another generator',
  unique: 'tests/tensor/dynamic.test.ts; gives an object',
  allclose: 'tests/tensor/dynamic.test.ts; gives a boolean',
  recurrence: 'the topic recurrent',
  rnnCell: 'the topic recurrent',
  lstmCell: 'the topic recurrent',
  gruCell: 'the topic recurrent',
  manualSeed: 'tests/tensor/random.test.ts; PyTorch has another generator',
}

/** What PyTorch 1.13 has not, or what is no operation on tensors. */
export const exempt: Record<string, string> = {
  rmsNorm: 'not in PyTorch 1.13; its example is by hand',
  quadraticLoss: "the course's loss, not in PyTorch; half the sum of mseLoss's squares",
  backward: 'differentiation; tests/autograd',
  detach: 'differentiation; tests/autograd',
  grad: 'differentiation; tests/autograd',
  gradients: 'differentiation; every case with a gradient goes through it',
  valueAndGrad: 'differentiation; tests/autograd',
  noGrad: 'differentiation; tests/autograd',
  compile: 'tests/compile',
  assign: 'tests/compile; writes into a tensor',
  defineOp: 'makes operations',
  tensor: 'the argument of every case is made by it',
  empty: 'zeros, under the name of PyTorch',
  setPrintOptions: 'tests/tensor/print.test.ts',
  show: 'text of a shape',
  backend: 'tests/backends',
  availableBackends: 'tests/backends',
  setBackend: 'tests/backends',
  getNumThreads: 'tests/backends',
  setNumThreads: 'tests/backends',
  hingeLoss: 'not in PyTorch; hingeEmbeddingLoss is another',
}
