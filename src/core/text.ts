/**
 * A whole number with commas between its thousands. `toLocaleString` does the same, after the 10 ms that the tables of
 * languages take to load.
 */
export const grouped = (n: number): string => `${n}`.replace(/\B(?=(\d{3})+$)/g, ',')
