const COUNT = new Intl.NumberFormat('en-US');

/** A number with its thousands parted: 1,234. */
export function formatNumber(number: number): string {
  return COUNT.format(number);
}

/** `1 notification`, `1,234 notifications`. */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatNumber(count)} ${count === 1 ? singular : plural}`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** A time span, roughly: `0.4s`, `12s`, `5m`, `3h`, `2d`. */
export function formatSpan(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  for (const [unit, length] of UNITS) {
    if (seconds >= length * 1.5) return `${Math.round(seconds / length)}${unit}`;
  }
  return seconds < 9.95 ? `${seconds.toFixed(1)}s` : `${Math.round(seconds)}s`;
}

/** `8 kB`, `1.5 MB`; powers of 1024, as PostgreSQL counts. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (amount < 1024)
      return `${amount < 10 && unit !== 'B' ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
    amount /= 1024;
  }
  return `${amount.toFixed(1)} TB`;
}
