/** A sound of the user's own, by the microphone. It stays on this machine. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { type Text, t } from '../text.js'
import { mediaTrouble, SilentError } from './media.js'

const words = {
  record: ['Record one second with the microphone', '用麦克风录一秒'],
  recording: ['Recording…', '正在录音……'],
} as const satisfies Record<string, Text>
/** A browser without a device for sound may wait without end. */
const PATIENCE = 5000

/**
 * `seconds` of sound at `rate` samples a second, each the mean of what the device gave for it: not every browser converts rates.
 * The microphone is closed afterwards.
 */
async function record(rate: number, seconds: number, left: Promise<void>): Promise<Float32Array> {
  const { microphone } = await import('nabla/audio')
  const opened = microphone({ chunkSize: 1024 })
  let late: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<never>((_, failed) => {
    const give = () => failed(new SilentError())
    void left.then(give)
    // Users may take their time to allow it: what is waited for is the sound.
    void opened.then(
      () => {
        late = setTimeout(give, PATIENCE + 1000 * seconds)
      },
      () => {},
    )
  })
  const fill = async () => {
    const device = await opened
    const samples = new Float32Array(Math.ceil(device.sampleRate * seconds))
    let at = 0
    for await (const piece of device) {
      samples.set(piece.subarray(0, samples.length - at), at)
      at += piece.length
      if (at >= samples.length) break
    }
    // One that is switched off gives zeros.
    if (samples.every((v) => v === 0)) throw new SilentError()
    const step = device.sampleRate / rate
    return Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) => {
      const part = samples.subarray(
        Math.floor(i * step),
        Math.max(Math.floor((i + 1) * step), Math.floor(i * step) + 1),
      )
      return part.reduce((sum, v) => sum + v, 0) / part.length
    })
  }
  try {
    return await Promise.race([fill(), patience])
  } finally {
    clearTimeout(late)
    void opened.then(
      (device) => device.stop(),
      () => {},
    )
  }
}

export function MicrophoneInput({
  rate,
  seconds,
  onSound,
}: {
  /** Samples a second. */
  rate: number
  seconds: number
  /** Numbers from -1 to 1. */
  onSound: (samples: Float32Array) => void
}) {
  const busy = useSignal(false)
  const trouble = useSignal<Text | undefined>(undefined)
  const leave = useRef(() => {})
  useEffect(() => () => leave.current(), [])
  return (
    <div class="row">
      <button
        type="button"
        disabled={busy.value}
        onClick={async () => {
          busy.value = true
          trouble.value = undefined
          let gone = false
          const left = new Promise<void>((done) => {
            leave.current = () => {
              gone = true
              done()
            }
          })
          try {
            onSound(await record(rate, seconds, left))
          } catch (error) {
            if (!gone) trouble.value = mediaTrouble('microphone', error)
          }
          busy.value = false
        }}
      >
        {t(words.record)}
      </button>
      <span class="small" role="status">
        {busy.value ? t(words.recording) : ''}
      </span>
      {trouble.value && (
        <p class="small" role="alert">
          {t(trouble.value)}
        </p>
      )}
    </div>
  )
}
