/** A digit to draw, or to take from the test set; the session answers `draw`. */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { Sample } from '../engine/mnist.js'
import type { Run } from '../engine/run.js'
import { type Text, t } from '../text.js'
import { Heat } from './Heat.js'
import { Pad } from './Pad.js'
import { PictureInput } from './PictureInput.js'

const words = {
  draw: ['Draw a digit', '画一个数字'],
  pad: ['The picture that the network reads', '网络读取的图像'],
  clear: ['Clear', '清除'],
  sample: ['Test image of a', '测试图像，数字'],
} as const satisfies Record<string, Text>

/** Ink on paper from a photograph: dark strokes on light paper or the other way round, the paper itself at 0. */
function inkOf(gray: readonly number[]): number[] {
  const sorted = [...gray].sort((a, b) => a - b)
  const paper = sorted[392]!
  const [low, high] = [sorted[7]!, sorted[776]!]
  const dark = paper - low > high - paper
  const full = Math.max(1e-6, dark ? paper - low : high - paper)
  // A third of the way to the ink is shadow.
  return gray.map((v) => {
    const k = (dark ? paper - v : v - paper) / full
    return k < 0.3 ? 0 : Math.min(1, k)
  })
}

export function DigitPad({
  run,
  drawn,
  samples,
}: {
  run: Run<object>
  drawn: ArrayLike<number>
  samples: readonly Sample[]
}) {
  // `whole` when the pen is lifted: then the session moves the picture to the middle.
  const onInk = (ink: number[], whole: boolean) => run.ask('draw', ink, whole)
  const drawing = useSignal<ArrayLike<number> | undefined>(undefined)
  const strokes = useRef(0)
  return (
    <div>
      <h3>{t(words.draw)}</h3>
      <Pad
        ink={drawing.value ?? drawn}
        label={t(words.pad)}
        onInk={async (next, done) => {
          drawing.value = next
          const mine = ++strokes.current
          await onInk(next, done)
          // The frame with the finished picture has come.
          if (done && mine === strokes.current) drawing.value = undefined
        }}
      />
      <div class="row">
        <button type="button" onClick={() => onInk(new Array(784).fill(0), false)}>
          {t(words.clear)}
        </button>
      </div>
      <div class="samples">
        {samples.map(({ ink: sample, label }, i) => (
          <button
            key={i}
            type="button"
            aria-label={`${t(words.sample)} ${label} (${i + 1})`}
            onClick={() => onInk(sample, false)}
          >
            <Heat data={sample} width={28} height={28} scale={1} gray label="" />
          </button>
        ))}
      </div>
      <PictureInput run={run} onPicture={({ gray }) => void onInk(inkOf(gray), true)} />
    </div>
  )
}
