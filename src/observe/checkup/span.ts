const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const;

/** A time span in words: `3 d`, `5 h`, `12 min`, `4 s`. */
export function spanText(seconds: number): string {
  for (const [unit, length] of UNITS) {
    if (seconds >= length * 2) return `${Math.round(seconds / length)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}
