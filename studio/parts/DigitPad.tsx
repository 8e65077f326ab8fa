/** A digit to draw, or to take from the test set. */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { Sample } from '../engine/mnist.js'
import { type Text, t } from '../text.js'
import { Heat } from './Heat.js'
import { Pad } from './Pad.js'

const words = {
  draw: ['Draw a digit', '画一个数字'],
  pad: ['The picture that the network reads', '网络读取的图像'],
  clear: ['Clear', '清除'],
  sample: ['Test image of a', '测试图像，数字'],
} as const satisfies Record<string, Text>

export function DigitPad({
  ink,
  samples,
  onInk,
}: {
  ink: ArrayLike<number>
  samples: readonly Sample[]
  /** `whole` when the pen is lifted: then the picture may be moved to the middle. */
  onInk: (ink: number[], whole: boolean) => Promise<unknown>
}) {
  const drawing = useSignal<ArrayLike<number> | undefined>(undefined)
  const strokes = useRef(0)
  return (
    <div>
      <h3>{t(words.draw)}</h3>
      <Pad
        ink={drawing.value ?? ink}
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
    </div>
  )
}
