/** Ctrl-C while a network is trained: the first one is asked for politely, the second one ends at once. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const
type Signal = keyof typeof exitCodes

/** A run that was asked to stop, and has been saved. */
export class Interrupted extends Error {
  readonly exitCode: number
  constructor(signal: Signal, message: string) {
    super(message)
    this.exitCode = exitCodes[signal]
  }
}

export interface Asked {
  /** The signal that asked to stop, once there was one. */
  readonly signal: Signal | undefined
  /** Back to what signals do otherwise. */
  release(): void
}

/** Notes a signal to stop. After the first one, the next ends the process as it does without this. */
export function onInterrupt(): Asked {
  let signal: Signal | undefined
  const release = () => {
    for (const name of Object.keys(exitCodes)) process.removeListener(name, note)
  }
  const note = (name: NodeJS.Signals) => {
    signal = name as Signal
    release()
    if (process.stderr.isTTY) process.stderr.write('\nsaving; Ctrl-C again ends at once\n')
  }
  for (const name of Object.keys(exitCodes)) process.on(name, note)
  return {
    get signal() {
      return signal
    },
    release,
  }
}
