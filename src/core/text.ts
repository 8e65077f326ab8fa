/**
 * A whole number with commas between its thousands. `toLocaleString` does the same, after the 10 ms that the tables of
 * languages take to load.
 */
export const grouped = (n: number): string => `${n}`.replace(/\B(?=(\d{3})+$)/g, ',')

/** Names in a message, the first eight of them: a model has hundreds. */
export const listed = (names: readonly string[]): string =>
  names.length > 8
    ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`
    : names.join(', ')
