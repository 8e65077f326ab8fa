/**
 * Which digit of this frame is which of the last one? A detector (see the recipe detection) finds the digits of each frame; a Kalman
 * filter foretells where each should be, and the Hungarian method pairs places and boxes. Films of up to five digits of the test set,
 * which move, are thrown back by the edges, and pass over each other.
 */
import { noGrad } from 'nabla'
import { mnist } from 'nabla/data'
import { loadTensors } from 'nabla/io'
import { CenterNet } from 'nabla/models'
import { annotatedImages } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import { type FilmFrame, nms, Scenes, stackPictures, Tracker, TrackingMeasure } from 'nabla/vision'
import { CLASSES, trainedDetector } from './detection.js'

/** The boxes of a film with the numbers of their tracks. */
function follow(model: CenterNet, film: readonly FilmFrame[]) {
  const tracker = new Tracker({ minHits: 2, maxAge: 15 })
  const found = model.detect(
    noGrad(() => model.forward(stackPictures(film))),
    { minScore: 0.3 },
  )
  return found.map(({ boxes, labels, scores }) => {
    // One box a place, whatever its class.
    const kept = [...(nms(boxes, scores, 0.6).toTypedArray() as Int32Array)]
    return tracker.update({
      boxes: kept.map((i) => boxes[i]!),
      labels: kept.map((i) => labels[i]!),
    })
  })
}

export default {
  name: 'tracking',
  about: 'follows digits of MNIST that move and pass over each other, by a detector and a tracker',
  defaults: { epochs: 8, batchSize: 16, lr: 0.003 },
  quick: { epochs: 1, limit: 256 },
  options: {
    detector: {
      about: 'weights of a run of the recipe detection, instead of training',
      default: '',
    },
  },
  expect: { idf1: { atLeast: 0.9 }, mota: { atLeast: 0.8 } },
  async run(s) {
    const { seed, limit, own } = s.options
    let model: CenterNet
    if (own?.detector) {
      model = new CenterNet({ classes: CLASSES })
      model.loadStateDict(loadTensors(own.detector).tensors)
    } else {
      // Digits cover each other more, as those of films do.
      const often = { length: 8000, seed, overlap: 0.6, hidden: 0.6 }
      model = await trainedDetector(s, new Scenes(mnist().train, often))
    }
    s.save(model)
    model.eval()
    const FRAMES = 40
    const films = new Scenes(mnist().test, {
      length: limit ? 2 : 30,
      seed: seed + 1,
      count: [1, 5],
      scale: [0.75, 1.5],
    })
    const measure = new TrackingMeasure()
    for (let i = 0; i < films.length; i++) {
      const film = films.film(i, FRAMES)
      const tracks = follow(model, film)
      measure.add(film, tracks)
      if (i > 1) continue
      const shown = Array.from({ length: 8 }, (_, k) => k * 5)
      const ways = new Map<number, [number, number][]>()
      const marks = tracks.map(({ boxes, ids }) => {
        boxes.forEach(([x1, y1, x2, y2], k) => {
          ways.set(ids[k]!, [...(ways.get(ids[k]!) ?? []), [(x1! + x2!) / 2, (y1! + y2!) / 2]])
        })
        return boxes.flatMap((box, k) => [
          { box, color: ids[k]!, label: `${ids[k]}` },
          { points: [...ways.get(ids[k]!)!].slice(-8), color: ids[k]! },
        ])
      })
      await s.picture(
        `film-${i + 1}.svg`,
        annotatedImages(
          stackPictures(shown.map((k) => film[k]!)),
          shown.map((k) => marks[k]!),
          {
            columns: 4,
            captions: shown.map((k) => `frame ${k}`),
            title: 'numbers of tracks, and where they came from',
          },
        ),
      )
    }
    const { idf1, mota, motp, switches, misses, falsePositives } = measure.compute()
    s.say(
      `${switches} exchanged numbers, ${misses} misses, ${falsePositives} false boxes, IoU of the others ${motp.toFixed(3)}`,
    )
    return { idf1, mota, switches }
  },
} satisfies Recipe
