/** A picture of the user's own: a file dropped or chosen, or the camera. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { OwnPicture } from '../engine/own.js'
import type { Run } from '../engine/run.js'
import { type Text, t } from '../text.js'
import { DropFile } from './DropFile.js'
import { mediaTrouble } from './media.js'

const words = {
  file: ['A picture of your own', '自己的图片'],
  camera: ['Camera', '摄像头'],
  shoot: ['Take the picture', '拍照'],
  close: ['Close', '关闭'],
  noPicture: ['it holds no picture that can be read', '里面没有可以读取的图片'],
} as const satisfies Record<string, Text>

export function PictureInput({
  run,
  onPicture,
}: {
  run: Run<object>
  onPicture: (picture: OwnPicture) => void
}) {
  const stream = useSignal<MediaStream | undefined>(undefined)
  const refused = useSignal<Text | undefined>(undefined)
  const video = useRef<HTMLVideoElement>(null)
  const close = () => {
    for (const track of stream.peek()?.getTracks() ?? []) track.stop()
    stream.value = undefined
  }
  useEffect(() => close, [])
  useEffect(() => {
    if (video.current && stream.value) video.current.srcObject = stream.value
  }, [stream.value])
  const use = async (source: Blob | ImageBitmap) =>
    onPicture(
      await run.ask<OwnPicture>('picture', source).catch(() => {
        throw new Error(t(words.noPicture))
      }),
    )
  return (
    <div class="picture-input">
      <DropFile label={words.file} accept="image/*" onFile={use} />
      {!stream.value && (
        <button
          type="button"
          onClick={async () => {
            refused.value = undefined
            try {
              stream.value = await navigator.mediaDevices.getUserMedia({ video: true })
            } catch (error) {
              refused.value = mediaTrouble('camera', error)
            }
          }}
        >
          {t(words.camera)}
        </button>
      )}
      {refused.value && (
        <p class="small" role="alert">
          {t(refused.value)}
        </p>
      )}
      {stream.value && (
        <div>
          <video ref={video} autoplay muted playsInline aria-label={t(words.camera)} />
          <div class="row">
            <button
              type="button"
              onClick={async () => {
                await use(await createImageBitmap(video.current!))
                close()
              }}
            >
              {t(words.shoot)}
            </button>
            <button type="button" onClick={close}>
              {t(words.close)}
            </button>
          </div>
        </div>
      )}
    </div>
  )
}
