/** In a page the methods of moreMethods.ts say where they are. */
import { ValueError } from '../core/errors.js'
import { Tensor } from '../ops/tensor.js'

/** The names of moreMethods.ts; a test compares. */
export const moreNames =
  'floorDivide remainder fmod atan2 hypot copysign logaddexp lerp exp2 expm1 log2 log10 tan asin acos atan sinh ' +
  'cosh asinh acosh atanh erf erfc erfinv ndtr trunc frac logicalXor isinf nanToNum countNonzero logsumexp cumsum ' +
  'cumprod cummax cummin prod var std norm median quantile argsort sort topk searchsorted bucketize unflatten flip unfold ' +
  'diagonal diag split chunk roll rot90 pad tile repeat repeatInterleave narrow movedim at indexPut indexSelect indexAdd indexCopy gather ' +
  'takeAlongDim take scatter scatterAdd scatterReduce maskedFill oneHot dot outer addmm baddbmm tensordot cross ' +
  'kron trace triu tril nonzero maskedSelect unique allclose'

// nabla/methods may have come first.
for (const name of moreNames.split(' '))
  if (!(name in Tensor.prototype))
    Object.defineProperty(Tensor.prototype, name, {
      configurable: true,
      writable: true,
      value() {
        throw new ValueError({
          op: name,
          rule: 'a page must load this method',
          fix: `import 'nabla/methods' adds it and the other rare ones; ${name}(x, ...) of nabla needs nothing.`,
        })
      },
    })
