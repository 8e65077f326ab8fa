/** What the cases of the bench compute with. */

/** Numbers that are the same in every run, about −1 to 1. */
export function values(n, scale = 1) {
  const out = new Float32Array(n)
  let s = 12345
  for (let i = 0; i < n; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) | 0
    out[i] = (scale * s) / 2 ** 31
  }
  return out
}
export const random = ({ nabla }, shape, scale = 1) =>
  nabla
    .tensor(
      values(
        shape.reduce((a, b) => a * b, 1),
        scale,
      ),
    )
    .reshape(shape)
