/** A component that is drawn anew only when its properties say so; what preact/compat has, without the rest of it. */
import { Component, createElement, type FunctionComponent } from 'preact'

export function memo<P extends object>(
  view: FunctionComponent<P>,
  same: (before: P, after: P) => boolean,
): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return !same(this.props as P, next)
    }
    override render() {
      return createElement(view, this.props as P)
    }
  }
  return Memo as unknown as FunctionComponent<P>
}
