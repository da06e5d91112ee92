/** The first pause after a failure; each further one doubles. */
const FIRST_DELAY_MS = 100;

/**
 * Milliseconds to wait before the next try: 100 ms at first, doubling up to `longestMs`, and
 * between half and all of that, so that many daemons do not come back in step.
 * @param failures so far, from 1
 * @param random in [0, 1)
 */
export function backoffMs(failures: number, longestMs: number, random: number): number {
  const exact = Math.min(longestMs, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 30));
  return exact * (0.5 + random / 2);
}
