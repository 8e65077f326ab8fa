/** What a page is. */
import type { Signal } from '@preact/signals'
import type { JSX } from 'preact'
import type { Run } from './engine/run.js'
import type { Schema, Values } from './settings.js'
import type { Text } from './text.js'

export interface ViewProps<S extends Schema, Frame> {
  /** The settings now. */
  s: Values<S>
  /** Changes settings, and with them the link. */
  set(change: Partial<Values<S>>): void
  run: Run<Frame>
  /** What the session drew last. */
  frame: Frame
}

export interface PageDefinition<S extends Schema, Frame> {
  schema: S
  /** Settings that the session takes over without a reset. */
  live?: readonly (keyof S)[]
  /** What the page shows, in a few sentences. */
  intro: Text
  /** In TeX. */
  formula: string
  question: Text
  /** What the picture answers. */
  answer: Text
  /** The source of the program that the worker runs, `./NAME.program.js?raw`. */
  program: string
  /** Names of nabla and PyTorch's names for the same. */
  torch: readonly (readonly [nabla: string, torch: string])[]
  /** The steps of speed that the run bar offers; none where nothing is trained. */
  View(props: ViewProps<S, Frame>): JSX.Element
}

export type AnyPage = Omit<PageDefinition<Schema, unknown>, 'View' | 'live'> & {
  live?: readonly string[]
  View: (props: {
    s: object
    set: (change: object) => void
    run: Run<unknown>
    frame: unknown
  }) => JSX.Element
}

/** Gives the definition as it is, with its types. */
export const definePage =
  <Frame>() =>
  <const S extends Schema>(page: PageDefinition<S, Frame>): PageDefinition<S, Frame> =>
    page

export type Values$<S extends Schema> = Signal<Values<S>>
