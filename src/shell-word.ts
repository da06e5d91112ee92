/** What every shell takes as it stands. */
const PLAIN = /^[\p{L}\p{N}_./:@%+,-]+$/u;

/** A text as one word of a command that somebody may paste into a shell. */
export function shellWord(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
