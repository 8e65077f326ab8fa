/** Ctrl-C during training: the first one saves and stops, the second one ends the process at once. */
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
  /** Restores the default behavior of the signals. */
  release(): void
}

/** Records the first signal to stop; the next one ends the process as usual. */
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
