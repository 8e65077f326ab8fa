/** CTC decoding against all alignments, counted one by one. */
import { ctcLoss, manualSeed, randn, tensor, zeros } from 'nabla'
import { ctcBeamSearch, ctcGreedyDecode } from 'nabla/audio'
import { expect, test } from 'vitest'

const collapsed = (path: number[], blank: number) =>
  path.filter((c, t) => c !== blank && c !== path[t - 1])

test.each([0, 2])('beam search finds the likeliest labels of all alignments, blank %i', (blank) => {
  manualSeed(blank + 1)
  for (let round = 0; round < 8; round++) {
    const [time, classes] = [5, 3]
    const logProbs = randn([time, classes]).logSoftmax(-1)
    const p = logProbs.toArray() as number[][]
    const totals = new Map<string, number>()
    for (let i = 0; i < classes ** time; i++) {
      const path = Array.from({ length: time }, (_, t) => Math.floor(i / classes ** t) % classes)
      const key = collapsed(path, blank).join()
      const one = Math.exp(path.reduce((sum, c, t) => sum + p[t]![c]!, 0))
      totals.set(key, (totals.get(key) ?? 0) + one)
    }
    const want = [...totals].sort((a, b) => b[1] - a[1]).slice(0, 3)
    const [got] = ctcBeamSearch(logProbs, { blank, beamWidth: 500, topPaths: 3 })
    expect(got!.map((g) => g.labels.join())).toEqual(want.map(([key]) => key))
    got!.forEach(({ labels, logProb }, i) => {
      expect(Math.exp(logProb)).toBeCloseTo(want[i]![1], 5)
      if (labels.length === 0) return
      const targets = tensor([labels], { dtype: 'int32' })
      const loss = ctcLoss(logProbs.unsqueeze(1), targets, [time], [labels.length], {
        blank,
        reduction: 'sum',
      })
      expect(loss.item()).toBeCloseTo(-logProb, 4)
    })
    const best = p.map((row) => row.indexOf(Math.max(...row)))
    expect(ctcGreedyDecode(logProbs, { blank })).toEqual([collapsed(best, blank)])
  }
})

test('batches with lengths of their own', () => {
  const logProbs = tensor([
    [
      [0.1, 0.9],
      [0.9, 0.1],
    ],
    [
      [0.9, 0.1],
      [0.1, 0.9],
    ],
    [
      [0.1, 0.9],
      [0.1, 0.9],
    ],
  ]).log() // (3, 2, 2)
  expect(ctcGreedyDecode(logProbs)).toEqual([[1, 1], [1]])
  expect(ctcGreedyDecode(logProbs, { inputLengths: [2, 1] })).toEqual([[1], []])
  expect(ctcBeamSearch(logProbs, { inputLengths: [2, 0] }).map((l) => l[0]!.labels)).toEqual([
    [1],
    [],
  ])
})

test('what does not fit says so', () => {
  expect(() => ctcGreedyDecode(zeros([3]))).toThrow(/\(T, N, C\)/)
  expect(() => ctcGreedyDecode(zeros([3, 2]), { blank: 2 })).toThrow(/blank is a class from 0 to 1/)
  expect(() => ctcBeamSearch(zeros([3, 2]), { topPaths: 20 })).toThrow(/topPaths at most beamWidth/)
  expect(() => ctcGreedyDecode(zeros([3, 2]), { inputLengths: [4] })).toThrow(
    /from 0 to 3; got \[4\]/,
  )
})
