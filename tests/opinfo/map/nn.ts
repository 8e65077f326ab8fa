import * as nabla from 'nabla'
import type { Tensor } from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

const unary = (f: (x: never) => unknown) =>
  on('input inplace', (a) => {
    void a.inplace // Nothing is changed in place here.
    return f(a.input)
  })
const convNames = 'input weight bias stride padding dilation groups'
const conv = (f: (x: never, w: never, b: never, options: never) => unknown) =>
  on(convNames, (a) =>
    f(
      a.input,
      a.weight,
      (a.bias ?? null) as never,
      {
        stride: a.stride,
        padding: a.padding,
        dilation: a.dilation,
        groups: a.groups,
      } as never,
    ),
  )
const convTranspose = (f: (x: never, w: never, b: never, options: never) => unknown) =>
  on('input weight bias stride padding output_padding groups dilation', (a) =>
    f(
      a.input,
      a.weight,
      (a.bias ?? null) as never,
      {
        stride: a.stride,
        padding: a.padding,
        outputPadding: a.output_padding,
        groups: a.groups,
        dilation: a.dilation,
      } as never,
    ),
  )
const interpolate = on(
  'input size scale_factor mode align_corners recompute_scale_factor antialias',
  (a) =>
    nabla.interpolate(a.input, {
      size: a.size,
      scaleFactor: a.scale_factor,
      mode: a.mode,
      alignCorners: a.align_corners,
      recomputeScaleFactor: a.recompute_scale_factor,
    }),
)
const pad = on('input pad mode value', (a) =>
  nabla.pad(a.input, a.pad, { mode: a.mode, value: a.value }),
)
const soft = (f: (x: never, axis: never, options: never) => unknown) =>
  on('input dim _stacklevel dtype', (a) => f(a.input, a.dim, { dtype: a.dtype } as never))

/** `training` is PyTorch's default where the record says nothing. */
const dropped = (f: (x: never, p: never, options: never) => unknown, training = true) =>
  on('input p training', (a) => f(a.input, a.p, { training: a.training ?? training } as never))

const running = { changes: 'running statistics are changed in place' }
const renorm = { changes: 'maxNorm changes the rows of the weight in place' }

export const nn: Family = {
  'nn.functional.relu': unary(nabla.relu),
  'nn.functional.relu6': unary(nabla.relu6),
  'nn.functional.selu': unary(nabla.selu),
  'nn.functional.silu': unary(nabla.silu),
  'nn.functional.mish': unary(nabla.mish),
  'nn.functional.hardsigmoid': unary(nabla.hardsigmoid),
  'nn.functional.hardswish': unary(nabla.hardswish),
  'nn.functional.logsigmoid': unary(nabla.logsigmoid),
  'nn.functional.softsign': unary(nabla.softsign),
  'nn.functional.tanhshrink': unary(nabla.tanhshrink),
  'nn.functional.gelu': on('input approximate', (a) =>
    nabla.gelu(a.input, { approximate: a.approximate }),
  ),
  'nn.functional.celu': on('input alpha', (a) => nabla.celu(a.input, { alpha: a.alpha })),
  'nn.functional.elu': on('input alpha', (a) => nabla.elu(a.input, { alpha: a.alpha })),
  'nn.functional.glu': on('input dim', (a) => nabla.glu(a.input, a.dim)),
  'nn.functional.hardtanh': on('input min_val max_val', (a) =>
    nabla.hardtanh(a.input, { minVal: a.min_val, maxVal: a.max_val }),
  ),
  'nn.functional.hardshrink': on('input lambd', (a) =>
    nabla.hardshrink(a.input, { lambda: a.lambd }),
  ),
  'nn.functional.softshrink': on('input lambd', (a) =>
    nabla.softshrink(a.input, { lambda: a.lambd }),
  ),
  'nn.functional.leaky_relu': on('input negative_slope', (a) =>
    nabla.leakyRelu(a.input, { negativeSlope: a.negative_slope }),
  ),
  'nn.functional.prelu': on('input weight', (a) => nabla.prelu(a.input, a.weight)),
  'nn.functional.softplus': on('input beta threshold', (a) =>
    nabla.softplus(a.input, { beta: a.beta, threshold: a.threshold }),
  ),
  'nn.functional.threshold': on('input threshold value', (a) =>
    nabla.threshold(a.input, { threshold: a.threshold, value: a.value }),
  ),
  'nn.functional.softmin': soft(nabla.softmin),
  softmax: soft(nabla.softmax),
  log_softmax: soft(nabla.logSoftmax),

  'nn.functional.conv1d': conv(nabla.conv1d),
  'nn.functional.conv2d': conv(nabla.conv2d),
  'nn.functional.conv_transpose1d': convTranspose(nabla.convTranspose1d),
  'nn.functional.conv_transpose2d': convTranspose(nabla.convTranspose2d),
  'nn.functional.conv_transpose3d': convTranspose(nabla.convTranspose3d),
  'nn.functional.linear': on('input weight bias', (a) => nabla.linear(a.input, a.weight, a.bias)),
  'nn.functional.bilinear': on('input1 input2 weight bias', (a) =>
    nabla.bilinear(a.input1, a.input2, a.weight, a.bias),
  ),
  'nn.functional.layer_norm': on('input normalized_shape weight bias eps', (a) =>
    nabla.layerNorm(a.input, a.normalized_shape, a.weight, a.bias, a.eps),
  ),
  'nn.functional.group_norm': on('input num_groups weight bias eps', (a) =>
    nabla.groupNorm(a.input, a.num_groups, a.weight, a.bias, a.eps),
  ),
  'nn.functional.batch_norm': on(
    'input running_mean running_var weight bias training momentum eps',
    (a) =>
      nabla.batchNorm(a.input, a.running_mean ?? null, a.running_var ?? null, a.weight, a.bias, {
        training: a.training,
        momentum: a.momentum,
        eps: a.eps,
      }),
    running,
  ),
  'nn.functional.instance_norm': on(
    'input running_mean running_var weight bias use_input_stats momentum eps',
    (a) =>
      nabla.instanceNorm(a.input, a.weight, a.bias, {
        runningMean: a.running_mean,
        runningVar: a.running_var,
        useInputStats: a.use_input_stats,
        momentum: a.momentum,
        eps: a.eps,
      }),
    running,
  ),
  'nn.functional.embedding': on(
    'weight input padding_idx max_norm norm_type scale_grad_by_freq sparse',
    (a) => {
      void a.sparse // Gradients are dense.
      return nabla.embedding(a.input, a.weight, {
        paddingIdx: a.padding_idx,
        maxNorm: a.max_norm,
        normType: a.norm_type,
        scaleGradByFreq: a.scale_grad_by_freq,
      })
    },
    renorm,
  ),
  'nn.functional.embedding_bag': on(
    'weight input offsets max_norm norm_type scale_grad_by_freq mode sparse per_sample_weights include_last_offset padding_idx',
    (a) => {
      void a.sparse
      return nabla.embeddingBag(a.input, a.weight, {
        offsets: a.offsets,
        maxNorm: a.max_norm,
        normType: a.norm_type,
        scaleGradByFreq: a.scale_grad_by_freq,
        mode: a.mode,
        perSampleWeights: a.per_sample_weights,
        includeLastOffset: a.include_last_offset,
        paddingIdx: a.padding_idx,
      })
    },
    {
      ...renorm,
      differs: (a) => {
        // Its dense gradient divides that of the i-th row that occurs by the count of the i-th index in order.
        const places = Array.from((a.input as Tensor).toTypedArray(), Number).sort((x, y) => x - y)
        const count = (row: number) => places.filter((v) => v === row).length
        const others = [...new Set(places)].some(
          (row, i) => row !== a.padding_idx && count(row) !== count(places[i]!),
        )
        return a.scale_grad_by_freq && !a.sparse && others
          ? "PyTorch 1.13 divides by another row's count (0003)"
          : undefined
      },
    },
  ),
  'nn.functional.interpolate': interpolate,
  'nn.functional.grid_sample': on('input grid mode padding_mode align_corners', (a) =>
    nabla.gridSample(a.input, a.grid, {
      mode: a.mode,
      paddingMode: a.padding_mode,
      alignCorners: a.align_corners,
    }),
  ),
  'nn.functional.local_response_norm': on('input size alpha beta k', (a) =>
    nabla.localResponseNorm(a.input, a.size, { alpha: a.alpha, beta: a.beta, k: a.k }),
  ),
  native_layer_norm: on('input normalized_shape weight bias eps', (a) =>
    nabla.nativeLayerNorm(a.input, a.normalized_shape, a.weight, a.bias, a.eps),
  ),
  native_batch_norm: on(
    'input weight bias running_mean running_var training momentum eps',
    (a) =>
      nabla.nativeBatchNorm(
        a.input,
        a.weight ?? null,
        a.bias ?? null,
        a.running_mean ?? null,
        a.running_var ?? null,
        a.training,
        a.momentum,
        a.eps,
      ),
    { changes: 'running statistics are changed in place' },
  ),
  'nn.functional.upsample_nearest': on('input size scale_factor', (a) =>
    nabla.interpolate(a.input, { size: a.size, scaleFactor: a.scale_factor, mode: 'nearest' }),
  ),
  'nn.functional.upsample_bilinear': on('input size scale_factor', (a) =>
    nabla.interpolate(a.input, {
      size: a.size,
      scaleFactor: a.scale_factor,
      mode: 'bilinear',
      alignCorners: true,
    }),
  ),
  'nn.functional.pad': pad,
  'nn.functional.pixel_shuffle': on('input upscale_factor', (a) =>
    nabla.pixelShuffle(a.input, a.upscale_factor),
  ),
  'nn.functional.pixel_unshuffle': on('input downscale_factor', (a) =>
    nabla.pixelUnshuffle(a.input, a.downscale_factor),
  ),
  'nn.functional.pairwise_distance': on('x1 x2 p eps keepdim', (a) =>
    nabla.pairwiseDistance(a.x1, a.x2, { p: a.p, eps: a.eps, keepdim: a.keepdim }),
  ),
  'nn.functional.cosine_similarity': on('x1 x2 dim eps', (a) =>
    nabla.cosineSimilarity(a.x1, a.x2, a.dim, a.eps),
  ),
  'nn.functional.unfold': on('input kernel_size dilation padding stride', (a) =>
    nabla.im2col(a.input, a.kernel_size, {
      dilation: a.dilation,
      padding: a.padding,
      stride: a.stride,
    }),
  ),
  'nn.functional.dropout': dropped(nabla.dropout),
  'nn.functional.dropout2d': dropped(nabla.dropout2d),
  'nn.functional.dropout3d': dropped(nabla.dropout3d),
  'nn.functional.feature_alpha_dropout': dropped(nabla.featureAlphaDropout, false),
  'nn.functional.rrelu': on('input lower upper training', (a) =>
    nabla.rrelu(a.input, { lower: a.lower, upper: a.upper, training: a.training }),
  ),
  'nn.functional.one_hot': on(
    'input num_classes',
    (a) => nabla.oneHot(a.input, a.num_classes as Bound[string]),
    { reads: true },
  ),
  'nn.functional.normalize': on('input p dim eps', (a) =>
    nabla.normalize(a.input, { p: a.p, axis: a.dim, eps: a.eps }),
  ),
}
