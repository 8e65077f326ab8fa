/** What a page runs in the worker, and what both sides say to each other. */
import type { Tensor } from 'nabla'

/** A module of nabla/nn, or what else has weights by name. */
export interface Keeps {
  stateDict(): Record<string, Tensor>
  loadStateDict(weights: Record<string, Tensor>): unknown
}

/** A page's work between two resets. */
export interface Session<Frame extends object> {
  /** Takes up to `n` training steps; gives how many. Missing where nothing is trained. */
  advance?(n: number): number
  /** What the page draws now: all of it, or all but what `fixed` holds. */
  frame(): Partial<Frame>
  /** Parts of every frame that stay as they are until the next session: they travel, and are drawn, once. */
  fixed?: Partial<Frame>
  /** Takes over settings that leave what was learned as it is; false asks for a new session. */
  change?(settings: never): boolean
  /** What is trained, where its weights may be kept, saved and opened again. */
  model?: Keeps
  /** Other weights have been opened. */
  opened?(): void
  /** Answers questions of the page. */
  ask?: Readonly<Record<string, (...args: never[]) => unknown>>
}

/** What a page's `.model.ts` exports. */
export interface Model<Settings, Frame extends object> {
  create(settings: Settings, tools: Tools): Session<Frame> | Promise<Session<Frame>>
}

/** What the worker gives to a session. */
export interface Tools {
  /** Bytes of a file of the site, such as `data/mnist/train-labels`; tells the page how far `what` is. */
  fetch(path: string, what?: string): Promise<Uint8Array>
  /** Tells the page how far something is, from 0 to 1. */
  progress(what: string, part: number): void
}

/** Why a session cannot go on, for the message in the reader's language. */
export type Trouble = 'policy' | 'files' | 'data' | 'other'

export type ToWorker =
  | { type: 'open'; page: string; settings: object; files?: Record<string, Uint8Array> }
  | { type: 'change'; settings: object }
  | { type: 'run'; on: boolean; perSecond: number }
  | { type: 'step'; n: number }
  | { type: 'drawn' }
  | { type: 'ask'; id: number; name: string; args: unknown[] }

export type FromWorker =
  | { type: 'fixed'; fixed: object }
  | {
      type: 'frame'
      frame: unknown
      steps: number
      perSecond: number
      trains: boolean
      ended: boolean
      keeps: boolean
    }
  | { type: 'progress'; what: string; part: number }
  | { type: 'answer'; id: number; value?: unknown; error?: string }
  | { type: 'trouble'; kind: Trouble; message: string }
