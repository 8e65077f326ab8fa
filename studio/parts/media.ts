/** Why the browser gives no camera or microphone, for the reader. */
import type { Text } from '../text.js'

type Device = 'camera' | 'microphone'
const names = { camera: ['camera', '摄像头'], microphone: ['microphone', '麦克风'] } as const

/** By the names of errors of getUserMedia (Media Capture and Streams, W3C). */
const reasons: Readonly<Record<string, (en: string, zh: string) => Text>> = {
  NotAllowedError: (en, zh) => [
    `The ${en} was refused to this page. Allow it in the browser’s settings of this page, then press again.`,
    `本页使用${zh}的请求被拒绝。请在浏览器中允许本页使用，然后再按一次。`,
  ],
  NotFoundError: (en, zh) => [
    `The browser finds no ${en}. Connect one, then press again.`,
    `浏览器没有找到${zh}。请连接一个，然后再按一次。`,
  ],
  NotReadableError: (en, zh) => [
    `The ${en} cannot be read: another program may use it. Close that one, then press again.`,
    `无法读取${zh}：可能有其他程序正在使用。请关闭它，然后再按一次。`,
  ],
}

/** Thrown by what gives up waiting. */
export class SilentError extends Error {}

/** Whether pages of this place may ask at all. */
const mayAsk = () => globalThis.isSecureContext && navigator.mediaDevices !== undefined

export function mediaTrouble(device: Device, error: unknown): Text {
  const [en, zh] = names[device]
  if (!mayAsk())
    return [
      `Browsers give the ${en} only to pages of https or of this machine (localhost).`,
      `浏览器只允许 https 页面或本机（localhost）页面使用${zh}。`,
    ]
  if (error instanceof SilentError)
    return [
      `The ${en} is open but gives nothing. Is it switched on? Press again.`,
      `${zh}已打开，但没有数据。它开着吗？请再按一次。`,
    ]
  // The library says what to do in its own error; what the browser said is the cause of it.
  const { name, message, cause } = error as Error
  const reason = reasons[(cause as Error | undefined)?.name ?? ''] ?? reasons[name]
  return reason
    ? reason(en, zh)
    : [`The browser could not open the ${en}: ${message}`, `浏览器无法打开${zh}：${message}`]
}
