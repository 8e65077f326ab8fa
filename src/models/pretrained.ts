/** Weights from elsewhere: files of Hugging Face, whole or in shards, and what of them did not fit. */
import { FileError, ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { listed } from '../core/text.js'
import { loadTensors, readBytes } from '../io/files.js'
import { loadTorch } from '../io/torch.js'
import type { Module } from '../nn/module.js'
import { assign } from '../ops/assign.js'
import { toType } from '../ops/define.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { toBackend } from '../tensor/creation.js'

export interface PretrainedOptions {
  /** Throw unless every tensor of the model is given and every one that is given is known. */
  strict?: boolean
  /** Another name for a saved tensor, or null to leave it out. */
  rename?: (name: string) => string | null
}

/** What was done with each tensor, by name. */
export class LoadReport {
  readonly loaded: string[] = []
  /** In the model only. */
  readonly missing: string[] = []
  /** In the file only. */
  readonly unexpected: string[] = []
  /** Of another shape: what the model has and what the file has. */
  readonly mismatched: { name: string; model: readonly number[]; file: readonly number[] }[] = []
  /** Absent from the file, but the same as a tensor that was loaded. */
  readonly tied: string[] = []
  /** In the file, of no use to any model: masks and places that programs make themselves. */
  readonly ignored: string[] = []
  get complete(): boolean {
    return this.missing.length + this.unexpected.length + this.mismatched.length === 0
  }
  toString(): string {
    const lines = [`${this.loaded.length} tensors loaded`]
    if (this.tied.length > 0) lines.push(`tied: ${listed(this.tied)}`)
    if (this.missing.length > 0) lines.push(`missing in the file: ${listed(this.missing)}`)
    if (this.unexpected.length > 0) lines.push(`not in the model: ${listed(this.unexpected)}`)
    if (this.mismatched.length > 0)
      lines.push(
        `of another shape: ${listed(this.mismatched.map((m) => `${m.name} is ${show(m.model)}, the file has ${show(m.file)}`))}`,
      )
    return lines.join('\n')
  }
}

/** Masks, places and angles that programs of PyTorch save though they make them themselves. */
const ofNoUse =
  /(\.attn\.(masked_)?bias|\.position_ids|\.rotary_emb\.(inv_freq|cos_cached|sin_cached))$/

/**
 * Copies saved tensors into a model: by their names, and where those lack what the model puts before them or have it too
 * much (`transformer.`, `bert.`), by the rest. Old names gamma and beta are weight and bias; a tied matrix may be absent.
 * Nothing is changed when strict loading fails.
 * @throws ValueError when names differ, ShapeError when shapes do (unless strict is false)
 * @example loadPretrained(new GPT2(), 'gpt2/model.safetensors', { strict: false })
 */
export function loadPretrained(
  model: Module,
  from: Record<string, Tensor> | string,
  options: PretrainedOptions = {},
): LoadReport {
  const op = 'loadPretrained'
  const { strict = true, rename = (name: string) => name } = checkOptions<PretrainedOptions>(
    op,
    options,
    ['strict', 'rename'],
  )
  const saved = typeof from === 'string' ? loadShards(from) : from
  const own = new Map(Object.entries(model.stateDict()))
  const { prefix } = model.constructor as { prefix?: string }
  const nameOf = (name: string): string | null => {
    const modern = name.replace(/\.gamma$/, '.weight').replace(/\.beta$/, '.bias')
    if (own.has(modern)) return modern
    if (prefix && own.has(`${prefix}.${modern}`)) return `${prefix}.${modern}`
    const bare = prefix && modern.startsWith(`${prefix}.`) ? modern.slice(prefix.length + 1) : ''
    return own.has(bare) ? bare : null
  }
  const report = new LoadReport()
  const pairs = new Map<string, Tensor>()
  for (const [name, t] of Object.entries(saved)) {
    const renamed = rename(name)
    if (renamed === null) continue
    const to = nameOf(renamed)
    if (to === null) {
      if (ofNoUse.test(`.${renamed}`)) report.ignored.push(name)
      else if (!isTied(renamed, t, saved)) report.unexpected.push(name)
      continue
    }
    const shape = own.get(to)!.shape
    if (sameShape(shape, t.shape)) pairs.set(to, t)
    else report.mismatched.push({ name: to, model: shape, file: t.shape })
  }
  const known = new Set<Tensor>()
  for (const name of pairs.keys()) known.add(own.get(name)!)
  for (const [name, t] of own) {
    if (pairs.has(name)) report.loaded.push(name)
    else if (known.has(t)) report.tied.push(name)
    else if (!report.mismatched.some((m) => m.name === name)) report.missing.push(name)
  }
  if (strict && report.mismatched.length > 0)
    throw new ShapeError({
      op,
      rule: 'saved tensors must have the shapes of the model',
      got: `${report}`,
    })
  if (strict && !report.complete)
    throw new ValueError({
      op,
      rule: `the saved names must be those of ${model.constructor.name}`,
      got: `${report}`,
      fix: 'Pass { strict: false } to load what fits.',
    })
  noGrad(() => {
    for (const [name, t] of pairs) {
      const target = own.get(name)!
      assign(target, toBackend(toType(t, target.dtype), target.backend))
    }
  })
  return report
}

/** A matrix of logits that is that of the embedding: models that tie them have no name for it. */
function isTied(name: string, t: Tensor, saved: Record<string, Tensor>): boolean {
  if (!/(^lm_head\.weight|^cls\.predictions\.decoder\.(weight|bias))$/.test(name)) return false
  return Object.entries(saved).some(
    ([other, x]) => other !== name && x.size === t.size && (x === t || sameNumbers(x, t)),
  )
}
function sameNumbers(a: Tensor, b: Tensor): boolean {
  const [x, y] = [a.toTypedArray(), b.toTypedArray()]
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false
  return true
}

/**
 * The tensors of a safetensors file, of a file of PyTorch (.bin, .pt, .pth), of an index of shards (`*.index.json`), or
 * of a folder that holds one of them.
 */
export function loadShards(path: string): Record<string, Tensor> {
  if (/\.(safetensors|bin|pth?)$/.test(path)) return tensorsIn(path)
  if (!path.endsWith('.json')) {
    for (const name of [
      'model.safetensors.index.json',
      'model.safetensors',
      'pytorch_model.bin.index.json',
      'pytorch_model.bin',
    ]) {
      try {
        readBytes(`${path}/${name}`)
      } catch {
        continue
      }
      return loadShards(`${path}/${name}`)
    }
    throw new FileError({
      op: 'loadShards',
      rule: 'a folder holds model.safetensors, pytorch_model.bin, or the index of their shards (.index.json)',
      got: path,
    })
  }
  const bad = (rule: string, got: string): never => {
    throw new FileError({ op: 'loadShards', rule, got: `${path}: ${got}` })
  }
  let map: unknown
  try {
    map = (JSON.parse(new TextDecoder().decode(readBytes(path))) as { weight_map?: unknown })
      ?.weight_map
  } catch (cause) {
    throw new FileError({ op: 'loadShards', rule: 'the index is JSON', got: path }, { cause })
  }
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    return bad('the index has a weight_map from names to files', typeof map)
  const folder = path.slice(0, Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  const files = new Map<string, Record<string, Tensor>>()
  const all: Record<string, Tensor> = {}
  for (const [name, file] of Object.entries(map)) {
    // A file beside the index: a name that leads elsewhere is not followed.
    if (typeof file !== 'string' || /[/\\]|^\.\.?$/.test(file))
      return bad('files of the weight_map lie beside the index', `${file}`)
    let tensors = files.get(file)
    if (!tensors) {
      tensors = tensorsIn(folder + file)
      files.set(file, tensors)
    }
    const t = Object.hasOwn(tensors, name) ? tensors[name] : undefined
    if (!t) return bad(`${file} must have the tensor that the index names`, name)
    all[name] = t
  }
  return all
}
const tensorsIn = (path: string): Record<string, Tensor> =>
  /\.(bin|pth?)$/.test(path) ? loadTorch(path).tensors : loadTensors(path).tensors
