/** Connectionist temporal classification: the loss of sequences whose alignment is not known. */
import { coordinates } from '../broadcast.js'
import { reshape } from '../broadcast.js'
import { add, div, mul, sub, where, neg } from '../arithmetic.js'
import { ShapeError, show, ValueError } from '../../core/errors.js'
import { kinds, readOptions } from '../../core/options.js'
import { eq, gt, logicalAnd, logicalOr, lt, ne } from '../compare.js'
import { toType } from '../define.js'
import { maximum } from '../elementwise.js'
import { exp, log } from '../functions.js'
import { asIndices } from '../indices.js'
import { gather } from '../indexing.js'
import { pad, stack } from '../join.js'
import { unsqueeze } from '../movement.js'
import { logsumexp } from '../reduce.js'
import { narrow, select } from '../slice.js'
import { fromData, Tensor } from '../tensor.js'
import { withState } from '../state.js'
import { inFloat32, reductions, type LossOptions, reduceLoss, requireFloat } from './common.js'

/** Numbers known now, or a tensor (N) of integers that may change from call to call of a compiled function. */
type Lengths = readonly number[] | Tensor

export interface CTCOptions extends LossOptions {
  /** The class that stands for no label. */
  blank?: number
  /** An alignment that cannot be (input too short) costs 0 instead of infinity. */
  zeroInfinity?: boolean
}

/** ln 0, as a number that sums of exponentials survive. */
const NEVER = -1e30

/**
 * −ln of the probability of all alignments of the targets with the inputs, by the forward recursion. `mean` divides
 * each by its target length first.
 *
 * Shapes: logProbs (T, N, C), targets (N, S) int32 padded at the end, lengths N numbers each (a list, or an int32
 * tensor so that a compiled step serves all lengths); or logProbs (T, C) and targets (S). Targets may also be one
 * concatenated list when their lengths are a list. Graves et al., 2006.
 * @throws ShapeError, DTypeError, ValueError for arguments that do not fit; IndexError for a label outside [0, C)
 * @example ctcLoss(tensor([[[0.5, 0.5]], [[0.5, 0.5]]]).log(), tensor([[1]], { dtype: 'int32' }), [2], [1]) // 0.2877
 */
export function ctcLoss(
  logProbs: Tensor,
  given: Tensor,
  inputLengths: Lengths,
  targetLengths: Lengths,
  options?: number | CTCOptions,
): Tensor {
  logProbs = inFloat32(logProbs)
  given = inFloat32(given)
  const {
    blank = 0,
    reduction = 'mean',
    zeroInfinity = false,
  } = readOptions<CTCOptions>('ctcLoss', [options], {
    blank: kinds.integer,
    reduction: reductions,
    zeroInfinity: kinds.flag,
  })
  const op = 'ctcLoss'
  requireFloat(op, logProbs)
  const targets = asIndices(op, given)
  if (logProbs.rank === 2) {
    const one = ctcLoss(
      unsqueeze(logProbs, 1),
      unsqueeze(targets, 0),
      inputLengths,
      targetLengths,
      {
        blank,
        zeroInfinity,
        reduction: 'none',
      },
    )
    const n = lengthsOf(op, 'targetLengths', targetLengths, 1, targets.size)
    return reduceLoss(op, reshape(reduction === 'mean' ? perLabel(one, n) : one, []), reduction)
  }
  if (targets.rank === 1 && logProbs.rank === 3 && !(targetLengths instanceof Tensor)) {
    const rows = padded(targets, targetLengths)
    return ctcLoss(logProbs, rows, inputLengths, targetLengths, { blank, reduction, zeroInfinity })
  }
  const [T, N, C] = logProbs.shape as [number, number, number]
  const S = targets.shape[1]!
  if (logProbs.rank !== 3 || targets.rank !== 2 || targets.shape[0] !== N)
    throw new ShapeError({
      op,
      rule: 'logProbs is (T, N, C) and targets (N, S)',
      got: `${show(logProbs.shape)} and ${show(targets.shape)}`,
    })
  if (!(Number.isInteger(blank) && blank >= 0 && blank < C))
    throw new ValueError({ op, rule: `blank must be one of ${C} classes`, got: `${blank}` })
  const inputs = lengthsOf(op, 'inputLengths', inputLengths, N, T)
  const wanted = lengthsOf(op, 'targetLengths', targetLengths, N, S)

  // Labels with blanks between them, (N, 2S + 1); padding is read as blank, whatever stands there.
  const used = lt(coordinates(targets, 1), unsqueeze(wanted, 1))
  const labels = withBlanks(where(used, targets, blank), blank)
  const place = coordinates(labels, 1)
  // A label may be entered past the blank before it, unless it repeats the label before that.
  const canSkip = logicalAnd(ne(labels, blank), ne(labels, shiftRight(labels, 2, blank)))
  const emit = (t: number) => gather(select(logProbs, 0, t), 1, labels)
  let alpha = where(lt(place, 2), emit(0), NEVER)
  const ragged = inputLengths instanceof Tensor || inputLengths.some((l) => l < T)
  for (let t = 1; t < T; t++) {
    const two = where(canSkip, shiftRight(alpha, 2, NEVER), NEVER)
    const next = add(logSumExp3(alpha, shiftRight(alpha, 1, NEVER), two), emit(t))
    alpha = ragged ? where(unsqueeze(gt(inputs, t), 1), next, alpha) : next
  }
  // Alignments end in the last label or the blank after it.
  const end = unsqueeze(mul(wanted, 2), 1)
  const last = logicalOr(eq(place, end), eq(place, sub(end, 1)))
  const total = neg(logsumexp(where(last, alpha, NEVER), 1))
  const impossible = zeroInfinity ? 0 : Number.POSITIVE_INFINITY
  const loss = where(gt(total, -NEVER / 10), impossible, total)
  return reduceLoss(op, reduction === 'mean' ? perLabel(loss, wanted) : loss, reduction)
}

/** The lengths as an int32 tensor (N); those known are checked. */
function lengthsOf(op: string, what: string, lengths: Lengths, n: number, most: number): Tensor {
  if (lengths instanceof Tensor) {
    if (lengths.size !== n)
      throw new ShapeError({ op, rule: `${what} must be [${n}]`, got: show(lengths.shape) })
    return reshape(asIndices(op, lengths), [n])
  }
  if (lengths.length !== n || lengths.some((l) => !(Number.isInteger(l) && l >= 0 && l <= most)))
    throw new ValueError({
      op,
      rule: `${what} must be ${n} whole numbers from 0 to ${most}`,
      got: `${lengths}`,
    })
  // Not part of a surrounding `tidy`: a program being traced keeps it.
  return withState('scope', undefined, () => fromData(Int32Array.from(lengths), [n], 'int32'))
}

const perLabel = (loss: Tensor, lengths: Tensor): Tensor =>
  div(loss, toType(maximum(lengths, 1), loss.dtype))

/** A concatenated list of labels as rows of the longest. */
function padded(labels: Tensor, lengths: readonly number[]): Tensor {
  const total = lengths.reduce((a, b) => a + b, 0)
  if (total !== labels.size)
    throw new ShapeError({
      op: 'ctcLoss',
      rule: `concatenated targets must have as many labels as their lengths add up to, ${total}`,
      got: show(labels.shape),
    })
  const longest = Math.max(0, ...lengths)
  let from = 0
  return stack(
    lengths.map((n) => {
      const row = pad(narrow(labels, 0, from, n), [0, longest - n])
      from += n
      return row
    }),
  )
}

function logSumExp3(a: Tensor, b: Tensor, c: Tensor): Tensor {
  const m = maximum(maximum(a, b), c)
  return add(m, log(add(add(exp(sub(a, m)), exp(sub(b, m))), exp(sub(c, m)))))
}

/** blank, l₁, blank, l₂, .., blank */
function withBlanks(labels: Tensor, blank: number): Tensor {
  const [N, S] = labels.shape as [number, number]
  const pairs = stack([where(eq(labels, labels), blank, labels), labels], 2)
  return pad(reshape(pairs, [N, 2 * S]), [0, 1], { value: blank })
}

/** Moved right along axis 1, `fill` coming in. */
function shiftRight(x: Tensor, k: number, fill: number): Tensor {
  const n = x.shape[1]!
  if (k >= n) return where(eq(x, x), fill, x)
  return pad(narrow(x, 1, 0, n - k), [k, 0], { value: fill })
}
