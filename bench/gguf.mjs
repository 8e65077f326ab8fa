/**
 * Writes a GPT2 of nabla/models as GGUF, the files of llama.cpp: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 * Matrices as F32, F16, Q8_0 or Q4_0, vectors and positions as F32. The vocabulary has names that nobody reads.
 */
import { closeSync, openSync, writeSync } from 'node:fs'

const ALIGNMENT = 32
const BLOCK = 32
/** Number of the type, and bytes of so many elements. */
const types = {
  F32: { id: 0, bytes: (n) => 4 * n },
  F16: { id: 1, bytes: (n) => 2 * n },
  Q4_0: { id: 2, bytes: (n) => (n / BLOCK) * 18 },
  Q8_0: { id: 8, bytes: (n) => (n / BLOCK) * 34 },
}
export const ggufTypes = ['F32', 'F16', 'Q8_0', 'Q4_0']

const float = new Float32Array(1)
const word = new Uint32Array(float.buffer)
/** The bits of a float16, rounded to nearest even. */
export function half(x) {
  float[0] = x
  const sign = (word[0] >>> 16) & 0x8000
  const size = Math.abs(float[0])
  if (!(size < 65520)) return sign | (Number.isNaN(size) ? 0x7e00 : 0x7c00)
  // Below 2^-14 the steps are 2^-24; elsewhere 2^-10 of the power of two below.
  const step = size < 2 ** -14 ? 2 ** -24 : 2 ** (Math.floor(Math.log2(size)) - 10)
  const units = size / step
  let n = Math.floor(units)
  const rest = units - n
  if (rest > 0.5 || (rest === 0.5 && n % 2 === 1)) n++
  return sign | (size < 2 ** -14 ? n : ((Math.log2(step) + 24) << 10) + n)
}
/** What reading those bits gives. */
const unhalf = (bits) => {
  const [exponent, n] = [(bits >> 10) & 31, bits & 1023]
  const size = exponent ? (1024 + n) * 2 ** (exponent - 25) : n * 2 ** -24
  return bits & 0x8000 ? -size : size
}

/** Numbers as a type lays them; whole blocks of 32 share a scale. */
export function encode(type, data) {
  if (type === 'F32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (type === 'F16') return new Uint8Array(Uint16Array.from(data, half).buffer)
  const size = types[type].bytes(BLOCK)
  const out = new Uint8Array((data.length / BLOCK) * size)
  for (let b = 0; b < data.length / BLOCK; b++) {
    const x = data.subarray(b * BLOCK, (b + 1) * BLOCK)
    let far = 0
    for (const v of x) if (Math.abs(v) > Math.abs(far)) far = v
    const scale = half(type === 'Q8_0' ? Math.abs(far) / 127 : far / -8)
    const by = unhalf(scale) === 0 ? 0 : 1 / unhalf(scale)
    const at = b * size
    out[at] = scale & 255
    out[at + 1] = scale >> 8
    if (type === 'Q8_0') for (let i = 0; i < BLOCK; i++) out[at + 2 + i] = Math.round(x[i] * by)
    else {
      const code = (v) => Math.min(15, Math.max(0, Math.floor(v * by + 8.5)))
      for (let i = 0; i < 16; i++) out[at + 2 + i] = code(x[i]) | (code(x[i + 16]) << 4)
    }
  }
  return out
}

/** Values of the header in little-endian order. */
class Words {
  parts = []
  number(bytes, set, v) {
    const view = new DataView(new ArrayBuffer(bytes))
    view[set](0, v, true)
    this.parts.push(new Uint8Array(view.buffer))
  }
  u32(v) {
    this.number(4, 'setUint32', v)
  }
  u64(v) {
    this.number(8, 'setBigUint64', BigInt(v))
  }
  text(v) {
    const bytes = new TextEncoder().encode(v)
    this.u64(bytes.length)
    this.parts.push(bytes)
  }
  /** A key with its value: whole numbers, floats, texts, and lists of texts or whole numbers. */
  pair(key, type, v) {
    this.text(key)
    const kinds = { u32: 4, i32: 5, f32: 6, text: 8 }
    const put = (t, x) =>
      t === 'text' ? this.text(x) : this.number(4, { u32: 'setUint32', i32: 'setInt32', f32: 'setFloat32' }[t], x) // biome-ignore format: a line
    if (!Array.isArray(v)) {
      this.u32(kinds[type])
      return put(type, v)
    }
    this.u32(9)
    this.u32(kinds[type])
    this.u64(v.length)
    for (const x of v) put(type, x)
  }
  bytes() {
    return Buffer.concat(this.parts)
  }
}

/** The characters that stand for bytes in GPT-2's vocabulary, then names. */
function vocabulary(size) {
  const printed = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174
  let more = 256
  const bytes = Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printed(b) ? b : more++))
  return Array.from({ length: size }, (_, i) => bytes[i] ?? `<${i}>`)
}

/** Shapes, and numbers when they are asked for: matrices as (out, in). */
function tensorsOf(model, type) {
  const { transformer: t } = model
  const list = []
  const add = (name, weight, how, turned = false) => {
    const [rows, cols] = weight.rank === 1 ? [1, weight.shape[0]] : turned ? [...weight.shape].reverse() : weight.shape // biome-ignore format: a line
    const read = () => (turned ? weight.detach().transpose(0, 1).contiguous() : weight.detach()).toTypedArray() // biome-ignore format: a line
    list.push({ name, dims: weight.rank === 1 ? [cols] : [cols, rows], type: how, count: rows * cols, read }) // biome-ignore format: a line
  }
  const pair = (name, layer) => {
    add(`${name}.weight`, layer.weight, layer.weight.rank === 2 ? type : 'F32', layer.weight.rank === 2) // biome-ignore format: a line
    add(`${name}.bias`, layer.bias, 'F32')
  }
  add('token_embd.weight', t.wte.weight, type)
  add('position_embd.weight', t.wpe.weight, 'F32')
  pair('output_norm', t.ln_f)
  t.h.forEach((block, i) => {
    pair(`blk.${i}.attn_norm`, block.ln_1)
    pair(`blk.${i}.attn_qkv`, block.attn.c_attn)
    pair(`blk.${i}.attn_output`, block.attn.c_proj)
    pair(`blk.${i}.ffn_norm`, block.ln_2)
    pair(`blk.${i}.ffn_up`, block.mlp.c_fc)
    pair(`blk.${i}.ffn_down`, block.mlp.c_proj)
  })
  return list
}

const aligned = (n) => Math.ceil(n / ALIGNMENT) * ALIGNMENT

/** Writes the model to a file, its matrices as `type`. */
export function writeGguf(path, model, type) {
  const { cacheSizes, maxLength, vocabSize } = model
  const d = cacheSizes.heads * cacheSizes.width
  const tensors = tensorsOf(model, type)
  const pairs = [
    ['general.architecture', 'text', 'gpt2'],
    ['general.alignment', 'u32', ALIGNMENT],
    ['gpt2.context_length', 'u32', maxLength],
    ['gpt2.embedding_length', 'u32', d],
    ['gpt2.feed_forward_length', 'u32', 4 * d],
    ['gpt2.block_count', 'u32', cacheSizes.layers],
    ['gpt2.attention.head_count', 'u32', cacheSizes.heads],
    ['gpt2.attention.layer_norm_epsilon', 'f32', 1e-5],
    ['tokenizer.ggml.model', 'text', 'gpt2'],
    ['tokenizer.ggml.pre', 'text', 'gpt-2'],
    ['tokenizer.ggml.tokens', 'text', vocabulary(vocabSize)],
    ['tokenizer.ggml.token_type', 'i32', new Array(vocabSize).fill(1)],
    ['tokenizer.ggml.merges', 'text', ['! !']],
    ['tokenizer.ggml.eos_token_id', 'u32', vocabSize - 1],
    ['tokenizer.ggml.bos_token_id', 'u32', vocabSize - 1],
  ]
  const head = new Words()
  head.parts.push(new TextEncoder().encode('GGUF'))
  head.u32(3)
  head.u64(tensors.length)
  head.u64(pairs.length)
  for (const p of pairs) head.pair(...p)
  let offset = 0
  for (const { name, dims, type: how, count } of tensors) {
    head.text(name)
    head.u32(dims.length)
    for (const n of dims) head.u64(n)
    head.u32(types[how].id)
    head.u64(offset)
    offset += aligned(types[how].bytes(count))
  }
  const file = openSync(path, 'w')
  const write = (bytes) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
    const rest = aligned(bytes.length) - bytes.length
    if (rest) writeSync(file, new Uint8Array(rest))
  }
  write(head.bytes())
  for (const { type: how, read } of tensors) write(encode(how, read()))
  closeSync(file)
}
