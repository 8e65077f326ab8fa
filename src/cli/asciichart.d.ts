declare module 'asciichart' {
  const chart: { plot(series: readonly number[], config?: { height?: number }): string }
  export default chart
}
