/** One way of saving for all that is fitted: JSON, or a safetensors file with a checksum, in which large arrays are tensors. */
import { FileError, ValueError } from '../core/errors.js'
import { parseChecked, serializeChecked } from '../io/checksum.js'
import { readBytes, writeAtomic } from '../io/files.js'
import type { Tensor } from '../ops/tensor.js'

/** Something fitted, as JSON. */
export interface Fitted {
  type: string
  options?: object
  learned?: unknown
  /** What it is made of, such as the steps of a pipeline, by name. */
  parts?: readonly (readonly [name: string, part: Fitted])[]
}
export type Tensors = Record<string, Tensor>
/** Where arrays go that are saved beside the JSON. */
export interface Store {
  tensors: Tensors
  path: string
}

/** The name in the metadata of the file. */
const ENTRY = 'estimator'

/** Something that can be saved. */
export abstract class Savable {
  /** The name of the class, which a minifier may change. */
  abstract readonly kind: string
  /** The options with which such a thing is made. */
  abstract getOptions(): object
  /** What was learned, as JSON. @throws ValueError before `fit` */
  protected abstract learnedFor(store?: Store): unknown
  /** What it is made of. */
  protected parts(): readonly (readonly [name: string, part: unknown])[] {
    return []
  }
  /** As JSON; with a store arrays are put there. */
  saved(store?: Store): Fitted {
    const learned = this.learnedFor(store)
    const parts = this.parts().map(([name, part], k) => {
      if (!(part instanceof Savable))
        throw new ValueError({
          op: `${this.kind}.save`,
          rule: 'every part must be one of nabla, which can be saved',
          got: name,
          fix: 'Save what it learned by hand.',
        })
      return [name, part.saved(store && { ...store, path: `${store.path}${k}.` })] as const
    })
    return {
      type: this.kind,
      options: this.getOptions(),
      learned,
      ...(parts.length > 0 && { parts }),
    }
  }
  toJSON(): Fitted {
    return this.saved()
  }
  /** What `save` writes. */
  toBytes(): Uint8Array {
    const tensors: Tensors = {}
    const json = this.saved({ tensors, path: '' })
    return serializeChecked(tensors, { [ENTRY]: JSON.stringify(json) })
  }
  /** A file in the format safetensors, with a checksum, which is read back to the bit. */
  save(path: string): void {
    writeAtomic(path, this.toBytes())
  }
  /** Takes over what was saved. @throws FileError when it is something else */
  abstract restore(saved: Fitted, tensors?: Tensors): this
}

/** How things are made again, by name; `part` makes those that it is made of. */
export type Makers = Readonly<
  Record<string, (saved: Fitted, part: (name: string) => Savable) => Savable>
>

/**
 * What was saved, as the thing it was.
 * @throws FileError when it is none of these, or not of the type
 */
export function revive(
  op: string,
  json: unknown,
  makers: Makers,
  type?: string,
  tensors: Tensors = {},
): Savable {
  const saved = json as Fitted | null
  const name = saved?.type
  if (
    typeof name !== 'string' ||
    !Object.hasOwn(makers, name) ||
    (type !== undefined && name !== type)
  )
    throw new FileError({
      op,
      rule: `it must be a fitted ${type ?? 'estimator'}`,
      got: `${name ?? typeof json}`,
      ...(name &&
        type === undefined && {
          fix: 'Estimators, and what is made of them, are read by loadEstimator and estimatorFromJSON of nabla/classic.',
        }),
    })
  const parts = Array.isArray(saved!.parts) ? saved!.parts : []
  const part = (wanted: string): Savable => {
    const found = parts.find(([n]) => n === wanted)
    if (!found)
      throw new FileError({
        op,
        rule: `a ${name} must hold its part ${wanted}`,
        got: 'none',
        fix: 'Is the file damaged, or of another version?',
      })
    return revive(op, found[1], makers, undefined, tensors)
  }
  return makers[name]!(saved!, part).restore(saved!, tensors)
}

/** The same of a file that `save` wrote, or of its bytes. */
export function reviveBytes(
  op: string,
  from: string | Uint8Array,
  makers: Makers,
  type?: string,
): Savable {
  const { tensors, metadata } = parseChecked(typeof from === 'string' ? readBytes(from) : from)
  let json: unknown
  try {
    json = JSON.parse(metadata[ENTRY] ?? '')
  } catch {
    throw new FileError({ op, rule: 'the file must hold an estimator', got: 'none' })
  }
  return revive(op, json, makers, type, tensors)
}
