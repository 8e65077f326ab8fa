import { writeFileSync } from 'node:fs'
import { manualSeed, noGrad, ones, tensor, zeros } from 'nabla'
import { mnist } from 'nabla/data'
import { CenterNet, centerNetTargets, resnet18, UNet } from 'nabla/models'
import { annotatedImages } from 'nabla/plot'
import { ConfusionMatrix } from 'nabla/train'
import {
  boxIou,
  keypointHeatMaps,
  heatMapPeaks,
  matchPoints,
  MeanAveragePrecision,
  GroundCamera,
  nms,
  Scenes,
  Tracker,
  TrackingMeasure,
} from 'nabla/vision'

// #region scene
// Scene i follows from the seed and i alone: boxes x1, y1, x2, y2 around the ink, classes, and a class for each pixel.
const scenes = new Scenes(mnist().train, { length: 1000, seed: 1 })
const scene = scenes.scene(0)
console.log(scene.boxes.length, scene.labels) //> 5 [ 9, 9, 3, 5, 1 ]
console.log(scene.pixels.length, scene.mask.length) //> 9216 9216
// #endregion scene
writeFileSync(
  'pictures/detection-scene.svg',
  annotatedImages(
    tensor(scene.pixels, { shape: [1, 96, 96] }),
    [scene.boxes.map((box, i) => ({ box, label: `${scene.labels[i]}`, color: scene.labels[i] }))],
    { scale: 3 },
  ),
)

// #region iou
const found = tensor([
  [0, 0, 10, 10],
  [1, 0, 10, 10],
  [30, 30, 40, 40],
])
console.log(boxIou(found, tensor([[0, 0, 10, 8]])).toArray()) //> [ [ 0.800000011920929 ], [ 0.7346938848495483 ], [ 0 ] ]
// The second overlaps the first, which is surer, by 0.9.
console.log(nms(found, [0.9, 0.8, 0.3], 0.5).toArray()) //> [ 0, 2 ]
// #endregion iou

// #region centers
const model = new CenterNet({ classes: 10, width: 8 })
const output = model.forward(tensor(scene.pixels, { shape: [1, 1, 96, 96] }))
const target = centerNetTargets(scene, 10, scene)
// Ten heat maps and four distances for each place; targets say besides how much a place counts.
console.log(output.shape, target.shape) //> [ 1, 14, 24, 24 ] [ 15, 24, 24 ]
// #endregion centers

// #region map
const measure = new MeanAveragePrecision()
measure.update(
  [
    {
      boxes: [
        [0, 0, 10, 9],
        [50, 50, 60, 60],
      ],
      labels: [3, 3],
      scores: [0.9, 0.8],
    },
  ],
  [{ boxes: [[0, 0, 10, 10]], labels: [3] }],
)
const { map, map50 } = measure.compute()
// An IoU of 0.9: right at 0.5, 0.55 ... 0.9, and wrong at 0.95.
console.log(map50, map.toFixed(2)) //> 1 0.90
// #endregion map

// #region pixels
const pixels = new ConfusionMatrix(2).add([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1])
console.log(pixels.iou(1), pixels.f1(1).toFixed(3)) //> 0.75 0.857
console.log(new UNet(1, 11, { width: 8 }).forward(zeros([1, 1, 96, 96])).shape) //> [ 1, 11, 96, 96 ]
// #endregion pixels

// #region camera
const camera = new GroundCamera({ tilt: 35, ground: [64, 64], picture: [64, 96] })
const rows = camera
  .project([
    [31.5, 0],
    [31.5, 63],
  ])
  .map(([, v]) => v.toFixed(1))
console.log(rows) //> [ '20.4', '57.4' ]
const seen = camera.view(ones([1, 1, 64, 64]))
console.log(seen.shape, camera.topView(seen).shape) //> [ 1, 1, 64, 96 ] [ 1, 1, 64, 64 ]
// #endregion camera

// #region keypoints
const ends = [
  [10.5, 4.5],
  [20.5, 12.5],
]
const maps = keypointHeatMaps([ends], { height: 16, width: 32 }, 1)
const [peaks] = heatMapPeaks(maps, 0.5)
const points = peaks.map((p) => [p.x, p.y])
console.log(points, matchPoints(ends, points, 2)) //> [ [ 10.5, 4.5 ], [ 20.5, 12.5 ] ] [ [ 0, 0 ], [ 1, 1 ] ]
// #endregion keypoints

// #region tracking
const film = scenes.film(3, 20)
const tracker = new Tracker({ minHits: 1 })
const tracks = film.map((frame) => tracker.update(frame))
const { idf1, mota } = new TrackingMeasure().add(film, tracks).compute()
console.log(idf1, mota) //> 1 1
// #endregion tracking

// #region resnet
manualSeed(1)
const net = resnet18({ numClasses: 5 }).eval()
console.log(net.parameterCount(), noGrad(() => net.forward(zeros([1, 3, 64, 64]))).shape) //> 11179077 [ 1, 5 ]
// #endregion resnet
