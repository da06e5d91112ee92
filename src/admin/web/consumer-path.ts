/** The path of a consumer's page, or of one below it. */
export function consumerPath(consumer: string, below = ''): string {
  return `/consumers/${encodeURIComponent(consumer)}${below === '' ? '' : `/${below}`}`;
}
