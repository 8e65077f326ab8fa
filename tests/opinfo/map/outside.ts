/** What is out of scope, each with its reason. */
import { excluded, type Family } from '../harness.js'

const underscore = excluded("a method of Python's syntax: its function has the cases")
const gpu = excluded('compiles a CUDA kernel; PyTorch itself refuses on the CPU')
const complex = excluded('complex numbers (but for fft) are out of scope')
const sparse = excluded('sparse layouts are out of scope')

export const outside: Family = {
  __getitem__: underscore,
  __radd__: underscore,
  __rdiv__: underscore,
  __rmatmul__: underscore,
  __rmod__: underscore,
  __rmul__: underscore,
  __rpow__: underscore,
  __rsub__: underscore,
  __rand__: underscore,
  __ror__: underscore,
  __rxor__: underscore,
  'nn.functional._scaled_dot_product_attention': excluded(
    'its name starts with an underscore: private in PyTorch 1.13',
  ),
  jiterator_binary: gpu,
  jiterator_binary_return_by_ref: gpu,
  jiterator_unary: gpu,
  jiterator_4inputs_with_extra_args: gpu,
  jiterator_2inputs_2outputs: gpu,
  'sparse.sampled_addmm': sparse,
  to_sparse: sparse,
  'nn.functional.batch_norm:without_cudnn': excluded('has no cases on the CPU'),
  'nn.functional.silu:complex': complex,
  complex,
  polar: complex,
  view_as_complex: complex,
  view_as_real: complex,
  imag: complex,
  chalf: complex,
  'linalg.eig': complex,
  'linalg.eigvals': complex,
  resize_: excluded('changes the memory of a tensor in place: a nabla tensor keeps its shape'),
  resize_as_: excluded('changes the memory of a tensor in place: a nabla tensor keeps its shape'),
  short: excluded('nabla has no integers of 16 bits'),
  new_empty_strided: excluded('strides are no part of the interface of nabla'),
}
