/** Objects followed through the frames of a film: a tracker, and its measures. */
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { linearSumAssignment } from './assignment.js'
import { type Boxes, boxRows, iouOf, oneForEach } from './boxes.js'

/** The objects of a frame, each with a number that it keeps. */
export interface TrackedBoxes {
  boxes: Boxes
  ids: Tensor | ArrayLike<number>
}
interface Frame {
  boxes: number[][]
  ids: number[]
}
function readFrame(op: string, { boxes, ids }: TrackedBoxes, k: number): Frame {
  const rows = boxRows(op, boxes)
  const numbers = oneForEach(op, 'ids', ids, rows.length)
  if (new Set(numbers).size !== numbers.length)
    throw new ValueError({
      op,
      rule: 'an object occurs once in a frame',
      got: `ids ${numbers.join(', ')} in frame ${k}`,
    })
  return { boxes: rows, ids: numbers }
}

/** NaN where nothing was there to be followed. */
export interface TrackingResult {
  /** 1 − (misses + false positives + switches) / objects of all frames; at most 1, without a lower bound. */
  mota: number
  /** Mean IoU of the matches. */
  motp: number
  /** 2 IDTP / (objects + found boxes): the share that has the right identity over the whole film. */
  idf1: number
  /** IDTP / found boxes. */
  idp: number
  /** IDTP / objects. */
  idr: number
  misses: number
  falsePositives: number
  /** How often an object goes on under another number. */
  switches: number
}

/**
 * Measures of tracking over films, boxes matching from an IoU of `iouThreshold` (0.5) on, by the conventions of the MOT challenge.
 *
 * CLEAR MOT (Bernardin and Stiefelhagen, 2008): in each frame as many pairs as can be, of them those that were pairs in the frame
 * before, then the largest sum of IoU. IDF1 (Ristani et al., 2016): every true object has at most one number in the whole film, such
 * that the most boxes match (IDTP). Counts of films are added.
 * @throws ShapeError, ValueError for frames that do not fit together and ids that occur twice in one; nothing of such a film is counted
 * @example
 * const measure = new TrackingMeasure()
 * const frame = (id) => ({ boxes: [[0, 0, 4, 4]], ids: [id] })
 * measure.add([frame(1), frame(1), frame(1), frame(1)], [frame(7), frame(7), frame(7), frame(8)])
 * measure.compute().mota // 0.75
 */
export class TrackingMeasure {
  readonly better = 'max'
  readonly iouThreshold: number
  private objects = 0
  private found = 0
  private matches = 0
  private switches = 0
  private overlap = 0
  private identities = 0
  constructor(options: { iouThreshold?: number } = {}) {
    const op = 'TrackingMeasure'
    const { iouThreshold = 0.5 } = checkOptions(op, options, ['iouThreshold'])
    if (!(iouThreshold > 0 && iouThreshold <= 1))
      throw new ValueError({
        op,
        rule: 'iouThreshold lies above 0, at most at 1',
        got: showValue(iouThreshold),
      })
    this.iouThreshold = iouThreshold
  }
  reset(): void {
    this.objects = this.found = this.matches = this.switches = this.overlap = this.identities = 0
  }

  /** One film: true objects and what was found, frame by frame. */
  add(truth: readonly TrackedBoxes[], found: readonly TrackedBoxes[]): this {
    const op = 'TrackingMeasure'
    if (truth.length !== found.length)
      throw new ShapeError({
        op,
        rule: 'there must be true and found boxes for each frame',
        got: `${truth.length} and ${found.length} frames`,
      })
    const frames = truth.map((t, k) => [readFrame(op, t, k), readFrame(op, found[k]!, k)] as const)
    /** How often two numbers meet. */
    const together = new Map<number, Map<number, number>>()
    const last = new Map<number, number>()
    let before = new Map<number, number>()
    for (const [real, seen] of frames) {
      this.objects += real.ids.length
      this.found += seen.ids.length
      const iou = real.boxes.map((a) => seen.boxes.map((b) => iouOf(a, b)))
      const fits = (i: number, j: number) => iou[i]![j]! >= this.iouThreshold - 1e-12
      real.ids.forEach((id, i) => {
        const row = together.get(id) ?? new Map<number, number>()
        together.set(id, row)
        seen.ids.forEach((other, j) => {
          if (fits(i, j)) row.set(other, (row.get(other) ?? 0) + 1)
        })
      })
      const worth = real.ids.map((id, i) =>
        seen.ids.map((other, j) =>
          fits(i, j) ? (before.get(id) === other ? 1000 : 0) + iou[i]![j]! : 0,
        ),
      )
      const now = new Map<number, number>()
      for (const [i, j] of pairsOf(worth)) {
        if (!fits(i, j)) continue
        const [id, other] = [real.ids[i]!, seen.ids[j]!]
        this.matches++
        this.overlap += iou[i]![j]!
        if (last.has(id) && last.get(id) !== other) this.switches++
        last.set(id, other)
        now.set(id, other)
      }
      before = now
    }
    const others = [...new Set([...together.values()].flatMap((row) => [...row.keys()]))]
    const counts = [...together.values()].map((row) => others.map((o) => row.get(o) ?? 0))
    for (const [i, j] of pairsOf(counts)) this.identities += counts[i]![j]!
    return this
  }

  compute(): TrackingResult {
    const { objects, found, matches, switches, overlap, identities } = this
    const [misses, falsePositives] = [objects - matches, found - matches]
    return {
      mota: 1 - (misses + falsePositives + switches) / objects,
      motp: overlap / matches,
      idf1: (2 * identities) / (objects + found),
      idp: identities / found,
      idr: identities / objects,
      misses,
      falsePositives,
      switches,
    }
  }
}

/** The pairs of the largest sum. */
function pairsOf(worth: readonly (readonly number[])[]): [number, number][] {
  if (worth.length === 0) return []
  const [rows, columns] = linearSumAssignment(worth, { maximize: true })
  return rows.map((i, k) => [i, columns[k]!])
}

/** A place and its speed, known by measurements (Kalman, 1960): units of pixels and frames. */
class Motion {
  place: number
  private speed = 0
  /** Variances of place and speed, and their covariance. */
  private pp: number
  private ss = 10
  private ps = 0
  private readonly noise: number
  private readonly change: number
  constructor(at: number, noise: number, change: number) {
    this.place = at
    this.pp = noise
    this.noise = noise
    this.change = change
  }
  predict(): void {
    this.place += this.speed
    this.pp += 2 * this.ps + this.ss + this.change / 4
    this.ps += this.ss + this.change / 2
    this.ss += this.change
  }
  update(measured: number): void {
    const total = this.pp + this.noise
    const [k, l] = [this.pp / total, this.ps / total]
    const off = measured - this.place
    this.place += k * off
    this.speed += l * off
    this.ss -= l * this.ps
    this.ps -= k * this.ps
    this.pp -= k * this.pp
  }
}

interface Track {
  id: number
  label: number
  /** Center, width, height. */
  motions: Motion[]
  hits: number
  /** Frames since it was last found. */
  lost: number
}
const parts = ([x1, y1, x2, y2]: readonly number[]) =>
  [(x1! + x2!) / 2, (y1! + y2!) / 2, x2! - x1!, y2! - y1!] as const

/** From this IoU on a box of another class may belong to a track. */
const OTHER = 0.6

export interface TrackerOptions {
  /** A box and the place where a track is expected belong together from this IoU on; 0.2 unless given. */
  iouThreshold?: number
  /** Frames for which a track that is not found is kept; 10 unless given. */
  maxAge?: number
  /** How often a track must have been found before it is reported; 2 unless given. */
  minHits?: number
}
const trackerOptions: OptionNames<TrackerOptions> = {
  iouThreshold: true,
  maxAge: true,
  minHits: true,
}

/**
 * Follows boxes from frame to frame, in the way of SORT (Bewley et al., 2016): a Kalman filter says where each track should be, the
 * Hungarian method pairs these places with the boxes that were found, first those of the same class, then by their IoU; a box of another
 * class must overlap by 0.6.
 * A track that is not found for `maxAge` frames ends.
 * @example
 * const tracker = new Tracker({ minHits: 1 })
 * const at = (x) => tracker.update({ boxes: [[x, 0, x + 8, 8]], labels: [3] }).ids
 * [at(0), at(2), at(4)] // [[1], [1], [1]]
 */
export class Tracker {
  private tracks: Track[] = []
  private made = 0
  private readonly iouThreshold: number
  private readonly maxAge: number
  private readonly minHits: number
  constructor(options: TrackerOptions = {}) {
    const op = 'Tracker'
    const {
      iouThreshold = 0.2,
      maxAge = 10,
      minHits = 2,
    } = checkOptions(op, options, trackerOptions)
    for (const [name, v, holds] of [
      ['iouThreshold, from 0 to 1', iouThreshold, iouThreshold >= 0 && iouThreshold <= 1],
      ['maxAge, a whole number from 0', maxAge, Number.isInteger(maxAge) && maxAge >= 0],
      ['minHits, a whole number from 1', minHits, Number.isInteger(minHits) && minHits >= 1],
    ] as const)
      if (!holds) throw new ValueError({ op, rule: name, got: showValue(v) })
    this.iouThreshold = iouThreshold
    this.maxAge = maxAge
    this.minHits = minHits
  }

  /**
   * The boxes of the next frame. Gives those that belong to a track, with its number and where in the frame's list they stood.
   * @throws ShapeError, ValueError for boxes or labels that do not fit
   */
  update(found: { boxes: Boxes; labels?: Tensor | ArrayLike<number> }): {
    boxes: number[][]
    ids: number[]
    indices: number[]
  } {
    const boxes = boxRows('Tracker', found.boxes)
    const labels = oneForEach('Tracker', 'labels', found.labels ?? boxes.map(() => 0), boxes.length)
    for (const t of this.tracks) {
      for (const m of t.motions) m.predict()
      t.lost++
    }
    const worth = this.tracks.map((t) => {
      const [x, y, w, h] = t.motions.map((m) => m.place) as [number, number, number, number]
      const place = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
      return boxes.map((box, j) => {
        const iou = iouOf(place, box)
        const same = labels[j] === t.label
        // A detector may err in the class of a thing that has not moved away.
        const least = same ? this.iouThreshold : Math.max(OTHER, this.iouThreshold)
        return iou > 0 && iou >= least ? (same ? 2 : 1) + iou : 0
      })
    })
    const of = new Map<number, Track>()
    for (const [i, j] of pairsOf(worth)) if (worth[i]![j]! > 0) of.set(j, this.tracks[i]!)
    const out = { boxes: [] as number[][], ids: [] as number[], indices: [] as number[] }
    boxes.forEach((box, j) => {
      let track = of.get(j)
      const now = parts(box)
      if (track) {
        track.motions.forEach((m, k) => {
          m.update(now[k]!)
        })
        track.hits++
        track.lost = 0
      } else {
        const motions = now.map((v, k) => new Motion(v, 1, k < 2 ? 0.5 : 0.05))
        track = { id: 0, label: labels[j]!, motions, hits: 1, lost: 0 }
        this.tracks.push(track)
      }
      if (track.hits < this.minHits) return
      if (track.id === 0) track.id = ++this.made
      out.boxes.push(box)
      out.ids.push(track.id)
      out.indices.push(j)
    })
    // One that was seen once only is forgotten at once.
    this.tracks = this.tracks.filter((t) => t.lost <= (t.hits < this.minHits ? 0 : this.maxAge))
    return out
  }
}
