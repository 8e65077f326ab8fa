/** Scenes composed from small pictures, such as handwritten digits, with all that is known of them: boxes, classes, pixels. */
import { IndexError, ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import { Random } from '../core/random.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { iouOf } from './boxes.js'

/** Small gray pictures with labels; an ImageDataset of nabla/data is one. */
export interface Glyphs {
  readonly length: number
  readonly height: number
  readonly width: number
  readonly labels: ArrayLike<number>
  /** The bytes of one of them, ink on 0. */
  image(i: number): ArrayLike<number>
}

export interface SceneOptions {
  height?: number
  width?: number
  /** The least and the largest number of things in a scene; [1, 8] unless given. */
  count?: readonly [number, number]
  /** The least and the largest size, a share of the small picture; [0.5, 2] unless given. */
  scale?: readonly [number, number]
  /** The largest IoU of two boxes; 0.3 unless given. */
  overlap?: number
  /** The largest share of the ink of one that may fall on the ink of others; 0.2 unless given. */
  hidden?: number
  /** How many scenes there are; 1000 unless given. */
  length?: number
  /** Scene i follows from seed and i alone; 0 unless given. */
  seed?: number
}
const known: OptionNames<SceneOptions> = {
  height: true,
  width: true,
  count: true,
  scale: true,
  overlap: true,
  hidden: true,
  length: true,
  seed: true,
}

export interface Scene {
  height: number
  width: number
  /** Gray, 0 to 1, row by row. */
  pixels: Float32Array
  /** Around the ink: x1, y1, x2, y2. */
  boxes: number[][]
  /** The class of each box. */
  labels: number[]
  /** For each pixel 0 for ground, or the class + 1 of the thing with the most ink there, from 0.5 up. */
  mask: Uint8Array
}
/** A frame of a film: as a scene, its things with numbers. */
export interface FilmFrame extends Scene {
  ids: number[]
}

/** A small picture in a place of the scene. */
interface Placed {
  glyph: number
  label: number
  scale: number
  /** The upper left corner of the small picture. */
  left: number
  top: number
}

/** The ink of a part of the scene. */
interface Patch {
  left: number
  top: number
  width: number
  height: number
  ink: Float32Array
}
/** Which pixels of a small picture make each pixel of the scene along one axis, and how much of them: from[i] to from[i + 1]. */
interface Taps {
  first: number
  count: number
  from: Int32Array
  at: number[]
  weight: number[]
}
function taps(
  lo: number,
  hi: number,
  offset: number,
  scale: number,
  size: number,
  side: number,
): Taps {
  const first = Math.max(0, Math.floor(lo - scale))
  const count = Math.max(0, Math.min(side, Math.ceil(hi + scale)) - first)
  const fine = Math.max(1, Math.ceil(1 / scale))
  const made: Taps = { first, count, from: new Int32Array(count + 1), at: [], weight: [] }
  for (let x = 0; x < count; x++) {
    for (let b = 0; b < fine; b++) {
      const u = (first + x + (b + 0.5) / fine - offset) / scale - 0.5
      const j = Math.floor(u)
      for (const [at, weight] of [
        [j, 1 - (u - j)],
        [j + 1, u - j],
      ] as const)
        if (at >= 0 && at < size && weight > 0) {
          made.at.push(at)
          made.weight.push(weight / fine)
        }
    }
    made.from[x + 1] = made.at.length
  }
  return made
}

const INK = 64
/** The box around the ink of a small picture, in its pixels. undefined without ink */
function inkOf(bytes: ArrayLike<number>, width: number): number[] | undefined {
  const box = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0]
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! < INK) continue
    const [x, y] = [i % width, Math.floor(i / width)]
    box[0] = Math.min(box[0]!, x)
    box[1] = Math.min(box[1]!, y)
    box[2] = Math.max(box[2]!, x + 1)
    box[3] = Math.max(box[3]!, y + 1)
  }
  return box[2]! > 0 ? box : undefined
}

/**
 * Scenes of `count` small pictures each, at places and sizes by chance: boxes lie inside of the scene and overlap by at most
 * `overlap`. Where two lie on each other the darker ink is seen. Fewer fit where there is no room.
 * @throws ValueError for options outside of their ranges
 * @example
 * const dot = { length: 1, height: 2, width: 2, labels: [7], image: () => [255, 255, 255, 255] }
 * new Scenes(dot, { height: 8, width: 8, count: [1, 1], scale: [2, 2] }).scene(0).labels // [7]
 */
export class Scenes {
  readonly length: number
  readonly height: number
  readonly width: number
  private readonly glyphs: Glyphs
  private readonly options: Required<SceneOptions>
  private readonly inks: (number[] | undefined)[]

  constructor(glyphs: Glyphs, options: SceneOptions = {}) {
    const op = 'Scenes'
    const all: Required<SceneOptions> = {
      height: 96,
      width: 96,
      count: [1, 8],
      scale: [0.5, 2],
      overlap: 0.3,
      hidden: 0.2,
      length: 1000,
      seed: 0,
      ...checkOptions(op, options, known),
    }
    const whole = (v: number, least: number) => Number.isSafeInteger(v) && v >= least
    const ordered = ([a, b]: readonly [number, number]) => a <= b
    const share = (v: number) => v >= 0 && v <= 1
    const rules: Record<string, [rule: string, holds: boolean, got: unknown]> = {
      height: ['a whole number from 1', whole(all.height, 1), all.height],
      width: ['a whole number from 1', whole(all.width, 1), all.width],
      count: [
        'two whole numbers from 0',
        all.count.every((n) => whole(n, 0)) && ordered(all.count),
        all.count,
      ],
      scale: [
        'two numbers above 0',
        all.scale.every((n) => n > 0) && ordered(all.scale),
        all.scale,
      ],
      overlap: ['from 0 to 1', share(all.overlap), all.overlap],
      hidden: ['from 0 to 1', share(all.hidden), all.hidden],
      length: ['a whole number from 0', whole(all.length, 0), all.length],
      seed: ['a whole number from 0', whole(all.seed, 0), all.seed],
    }
    for (const [name, [rule, holds, got]] of Object.entries(rules))
      if (!holds) throw new ValueError({ op, rule: `${name}: ${rule}`, got: showValue(got) })
    if (glyphs.length === 0)
      throw new ValueError({ op, rule: 'there must be pictures to compose of', got: 'none' })
    this.glyphs = glyphs
    this.options = all
    this.length = all.length
    this.height = all.height
    this.width = all.width
    this.inks = new Array(glyphs.length)
  }

  private random(i: number, stream: number): Random {
    if (!(Number.isInteger(i) && i >= 0 && i < this.length))
      throw new IndexError({
        op: 'Scenes',
        rule: `scenes lie from 0 to ${this.length - 1}`,
        got: `${i}`,
      })
    // Seeds of 53 bits: the scene's number, its kind, and what the user gave.
    return new Random((this.options.seed % 2 ** 20) * 2 ** 32 + i * 2 + stream)
  }

  /** One of the small pictures that has ink, of a size by chance. */
  private pick(random: Random): Pick<Placed, 'glyph' | 'label' | 'scale'> | undefined {
    const { scale } = this.options
    for (let tries = 0; tries < 20; tries++) {
      const glyph = random.below(this.glyphs.length)
      this.inks[glyph] ??= inkOf(this.glyphs.image(glyph), this.glyphs.width)
      if (this.inks[glyph])
        return {
          glyph,
          label: this.glyphs.labels[glyph]!,
          scale: scale[0] + (scale[1] - scale[0]) * random.next(),
        }
    }
    return undefined
  }
  private boxOf({ glyph, scale, left, top }: Placed): number[] {
    return this.inks[glyph]!.map((v, k) => v * scale + (k % 2 ? top : left))
  }
  /** A place by chance where the ink lies inside of the scene; undefined where it is too large. */
  private place(
    random: Random,
    thing: Pick<Placed, 'glyph' | 'label' | 'scale'>,
  ): Placed | undefined {
    const [x1, y1, x2, y2] = this.inks[thing.glyph]!.map((v) => v * thing.scale)
    const [free, high] = [this.width - (x2! - x1!), this.height - (y2! - y1!)]
    if (free < 0 || high < 0) return undefined
    return { ...thing, left: free * random.next() - x1!, top: high * random.next() - y1! }
  }

  /** A thing's ink, 0 to 1, between its pixels linear, averaged where it becomes smaller. */
  private draw(placed: Placed): Patch {
    const { glyph, scale, left, top } = placed
    const { height: h, width: w } = this.glyphs
    const bytes = this.glyphs.image(glyph)
    const [x1, y1, x2, y2] = this.boxOf(placed)
    const across = taps(x1!, x2!, left, scale, w, this.width)
    const down = taps(y1!, y2!, top, scale, h, this.height)
    const wide = across.count
    const rows = new Float64Array(h * wide)
    for (let i = 0; i < h; i++)
      for (let x = 0; x < wide; x++) {
        let sum = 0
        for (let k = across.from[x]!; k < across.from[x + 1]!; k++)
          sum += across.weight[k]! * bytes[i * w + across.at[k]!]!
        rows[i * wide + x] = sum
      }
    const ink = new Float32Array(down.count * wide)
    for (let y = 0; y < down.count; y++)
      for (let k = down.from[y]!; k < down.from[y + 1]!; k++) {
        const [row, weight] = [down.at[k]! * wide, down.weight[k]! / 255]
        for (let x = 0; x < wide; x++) ink[y * wide + x]! += weight * rows[row + x]!
      }
    return { left: across.first, top: down.first, width: wide, height: down.count, ink }
  }
  /** Calls `put` with the place in the scene and the ink of each pixel. */
  private each(patch: Patch, put: (at: number, ink: number) => void): void {
    for (let y = 0; y < patch.height; y++)
      for (let x = 0; x < patch.width; x++)
        put((patch.top + y) * this.width + patch.left + x, patch.ink[y * patch.width + x]!)
  }

  /** The things drawn together. */
  private compose(things: readonly Placed[]): Scene {
    const { height, width } = this
    const pixels = new Float32Array(height * width)
    const mask = new Uint8Array(height * width)
    for (const thing of things)
      this.each(this.draw(thing), (at, ink) => {
        if (ink <= pixels[at]!) return
        pixels[at] = ink
        if (ink >= 0.5) mask[at] = thing.label + 1
      })
    return {
      height,
      width,
      pixels,
      mask,
      boxes: things.map((t) => this.boxOf(t)),
      labels: things.map((t) => t.label),
    }
  }

  /** Scene number i. @throws IndexError for a number that is not there */
  scene(i: number): Scene {
    const random = this.random(i, 0)
    const { count, overlap, hidden } = this.options
    const wanted = count[0] + random.below(count[1] - count[0] + 1)
    const things: Placed[] = []
    /** The ink of each thing so far, all of it, and how much of it lies on others. */
    const inks: { ink: Float32Array; own: number; shared: number }[] = []
    for (let k = 0; k < wanted; k++) {
      const thing = this.pick(random)
      for (let tries = 0; thing && tries < 40; tries++) {
        const placed = this.place(random, thing)
        if (!placed) {
          thing.scale = this.options.scale[0]
          continue
        }
        const box = this.boxOf(placed)
        if (things.some((t) => iouOf(box, this.boxOf(t)) > overlap)) continue
        const patch = this.draw(placed)
        const ink = new Float32Array(this.height * this.width)
        let own = 0
        this.each(patch, (at, v) => {
          ink[at] = v
          own += v
        })
        const common = inks.map((other) => {
          let sum = 0
          this.each(patch, (at, v) => {
            sum += Math.min(v, other.ink[at]!)
          })
          return sum
        })
        const shared = common.reduce((a, b) => a + b, 0)
        // Neither may the new one hide, nor one that was there before.
        if (shared > hidden * own) continue
        if (inks.some((other, k) => other.shared + common[k]! > hidden * other.own)) continue
        inks.forEach((other, k) => {
          other.shared += common[k]!
        })
        inks.push({ ink, own, shared })
        things.push(placed)
        break
      }
    }
    return this.compose(things)
  }

  /**
   * The scenes as a dataset: the picture (1, H, W), and what `target` makes of the scene. Each is made once and kept.
   * @example
   * const dot = { length: 1, height: 2, width: 2, labels: [7], image: () => [255, 255, 255, 255] }
   * const scenes = new Scenes(dot, { height: 8, width: 8, count: [1, 1], scale: [2, 2], length: 3 })
   * scenes.dataset((scene) => tensor(scene.labels)).get(2)[1] // [7]
   */
  dataset(target: (scene: Scene) => Tensor): {
    length: number
    get(i: number): [picture: Tensor, target: Tensor]
  } {
    const made: Scene[] = []
    return {
      length: this.length,
      get: (i) => {
        made[i] ??= this.scene(i)
        const scene = made[i]
        return [tensor(scene.pixels, { shape: [1, this.height, this.width] }), target(scene)]
      },
    }
  }

  /**
   * Film number i: as many things, each moving at a speed of its own, by chance up to `speed` pixels a frame along x and y, and
   * thrown back by the edges. They may pass over each other.
   */
  film(i: number, frames: number, speed = 3): FilmFrame[] {
    const random = this.random(i, 1)
    const { count } = this.options
    const wanted = count[0] + random.below(count[1] - count[0] + 1)
    const things = Array.from({ length: wanted }, () => {
      const thing = this.pick(random)
      const placed = thing && this.place(random, thing)
      const part = () => speed * (2 * random.next() - 1)
      return placed && { ...placed, dx: part(), dy: part() }
    }).filter((t) => t !== undefined)
    return Array.from({ length: frames }, (_, k) => {
      if (k > 0)
        for (const t of things) {
          t.left += t.dx
          t.top += t.dy
          const [x1, y1, x2, y2] = this.boxOf(t)
          const back = (lo: number, hi: number, most: number) =>
            Math.max(0, -lo) - Math.max(0, hi - most)
          const [bx, by] = [back(x1!, x2!, this.width), back(y1!, y2!, this.height)]
          t.left += 2 * bx
          t.top += 2 * by
          if (bx !== 0) t.dx = -t.dx
          if (by !== 0) t.dy = -t.dy
        }
      return { ...this.compose(things), ids: things.map((_, n) => n + 1) }
    })
  }
}

/**
 * Pictures of one size as a batch (N, 1, H, W).
 * @throws ShapeError when sizes differ
 * @example stackPictures([{ height: 1, width: 2, pixels: Float32Array.of(0, 1) }]).shape // [1, 1, 1, 2]
 */
export function stackPictures(list: readonly Pick<Scene, 'pixels' | 'height' | 'width'>[]): Tensor {
  const [first] = list
  const [height, width] = [first?.height ?? 0, first?.width ?? 0]
  const other = list.find((s) => s.height !== height || s.width !== width)
  if (other)
    throw new ShapeError({
      op: 'stackPictures',
      rule: `all pictures must be ${height}x${width}`,
      got: `${other.height}x${other.width}`,
    })
  const pixels = new Float32Array(list.length * height * width)
  list.forEach((s, i) => {
    pixels.set(s.pixels, i * height * width)
  })
  return tensor(pixels, { shape: [list.length, 1, height, width] })
}
