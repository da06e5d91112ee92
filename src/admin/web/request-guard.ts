/** What a request says of where it comes from. */
export interface RequestOrigin {
  /** The header Host. */
  readonly host: string | undefined;
  /** The header Origin. */
  readonly origin: string | undefined;
  /** The header Sec-Fetch-Site. */
  readonly fetchSite: string | undefined;
  /** It came with `Authorization: Bearer`, which no browser adds of its own. */
  readonly hasBearer: boolean;
}

/**
 * Only pages of this server may write.
 * @param allowed further names of it, in small letters
 * @returns why a request is refused; undefined: it is not
 */
export function refuseWrite(
  { host, origin, fetchSite, hasBearer }: RequestOrigin,
  allowed: readonly string[],
): string | undefined {
  if (fetchSite !== undefined && fetchSite !== 'same-origin') {
    return `The request comes from another site (Sec-Fetch-Site: ${fetchSite}).`;
  }
  if (origin !== undefined) {
    const from = URL.canParse(origin) ? new URL(origin) : undefined;
    // Behind a proxy, Host may be another one than the browser's.
    const isOurs = from !== undefined && (from.host === host || allowed.includes(from.hostname));
    return isOurs ? undefined : `The request comes from another site (Origin: ${origin}).`;
  }
  if (fetchSite === undefined && !hasBearer) {
    return 'The request does not say where it comes from (neither Origin nor Sec-Fetch-Site).';
  }
  return undefined;
}
