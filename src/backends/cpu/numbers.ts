// Made from kernels/program.h by scripts/opcodes.mjs; not to be changed by hand.
/** Instructions of fused kernels, in the order of their numbers, from 1 up. */
export const fusedNames =
  'const mov addf subf mulf divf floordivf remainderf fmodf minf maxf powf atan2f hypotf ' +
  'copysignf fmaf negf absf signf squaref expf exp2f expm1f logf log2f log10f log1pf sqrtf ' +
  'rsqrtf reciprocalf sinf cosf tanf asinf acosf atanf sinhf coshf tanhf asinhf acoshf atanhf ' +
  'sigmoidf erff erfcf erfinvf floorf ceilf roundf truncf isnanf isinff isfinitef eqf nef ltf ' +
  'lef gtf gef addi subi muli divi floordivi remainderi fmodi mini maxi powi negi absi signi ' +
  'squarei eqi nei lti lei gti gei and or xor not shri where ftoi itof btof btoi ftob itob ' +
  'rand check rsumf rprodf rmaxf rminf rsumi rprodi rmaxi rmini rdotf fmsf fnmaf ndtrf halff ' +
  'bhalff i8i u8i i32i ftoi32 floatf'
