/** The parts that the core of one thread is without (kernels/parts.h), from part 1 on. */
export const wasmParts = [
  'order',
  'recurrent',
  'wide',
  'linalg',
  'attention',
  'quantized',
  'sparse',
] as const
export type WasmPart = (typeof wasmParts)[number]

/** The builds of the core, see scripts/targets.mjs. Those with threads hold every part. */
export type WasmVariant = 'simd' | 'relaxed' | 'simd-threads' | 'relaxed-threads'
/** A WebAssembly file, without `nabla-` and `.wasm`. */
export type WasmFile = WasmVariant | `${'simd' | 'relaxed'}-${WasmPart}`

/** Whether the engine has the multiply-add of relaxed SIMD: a module of one function that uses it. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(
    // biome-ignore format: a section a line
    Uint8Array.of(
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      1, 8, 1, 0x60, 3, 0x7b, 0x7b, 0x7b, 1, 0x7b, // (v128, v128, v128) -> v128
      3, 2, 1, 0,
      10, 13, 1, 11, 0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfd, 0x85, 2, 0x0b, // f32x4.relaxed_madd
    ),
  )
}
