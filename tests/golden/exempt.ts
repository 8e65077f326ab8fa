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
  randomBits: 'Philox4x32-10: the known answer of its paper in the example; PyTorch has another generator',
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
  manualSeed: 'tests/tensor/random.test.ts; PyTorch has another generator',
}

/** What PyTorch 1.13 has not, or what is no operation on tensors. */
export const exempt: Record<string, string> = {
  rmsNorm: 'not in PyTorch 1.13; its example is by hand',
  quadraticLoss: "the course's loss, not in PyTorch; half the sum of mseLoss's squares",
  hingeLoss: 'not in PyTorch; hingeEmbeddingLoss is another',
}
