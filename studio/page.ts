/** What a page is. */
import type { JSX } from 'preact'
import type { Run } from './engine/run.js'
import type { Schema, Values } from './settings.js'
import type { Text } from './text.js'

export interface ViewProps<S extends Schema, Frame extends object> {
  /** The settings now. */
  s: Values<S>
  /** Changes settings, and with them the link. */
  set(change: Partial<Values<S>>): void
  run: Run<Frame>
  /** What the session drew last. */
  frame: Frame
}

/** What stands below a picture. */
export interface Talk {
  /** In TeX. */
  formula: string
  question: Text
  /** What the picture answers. */
  answer: Text
}

export interface PageDefinition<S extends Schema, Frame extends object> extends Talk {
  schema: S
  /** A choice between parts of the page, and what stands below each of them but the first one. */
  parts?: { by: keyof S & string; of: Readonly<Record<string, Talk>> }
  /** Settings that the session takes over without a reset. */
  live?: readonly (keyof S)[]
  /** Steps a second to begin with: as many as there can be when it is not given. */
  speed?: 1 | 5 | 20 | 100 | 500
  /** What the page shows, in a few sentences. */
  intro: Text
  /** The source of the program that the worker runs, `./NAME.program.js?raw`. */
  program: string
  /** Names of nabla and PyTorch's names for the same. */
  torch: readonly (readonly [nabla: string, torch: string])[]
  View(props: ViewProps<S, Frame>): JSX.Element
}

export type AnyPage = Omit<PageDefinition<Schema, object>, 'View' | 'live' | 'parts'> & {
  live?: readonly string[]
  parts?: { by: string; of: Readonly<Record<string, Talk>> }
  View: (props: {
    s: object
    set: (change: object) => void
    run: Run<object>
    frame: object
  }) => JSX.Element
}

/** Gives the definition as it is, with its types. */
export const definePage =
  <Frame extends object>() =>
  <const S extends Schema>(page: PageDefinition<S, Frame>): PageDefinition<S, Frame> =>
    page
