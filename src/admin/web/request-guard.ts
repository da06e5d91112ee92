import { isIP } from 'node:net';

/** Why a request is refused; undefined: it is not. */
export type Refusal = string | undefined;

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
 * A page of somebody else can let its own name point to this machine (DNS rebinding) and would then
 * count as ours. So only names that we know are answered. Addresses cannot be rebound.
 * @param allowed further names, in small letters
 */
export function refuseHost(host: string | undefined, allowed: readonly string[]): Refusal {
  const name = nameOf(host);
  if (name === undefined) return 'The request names no host.';
  if (name === 'localhost' || isIP(name) !== 0 || allowed.includes(name)) return undefined;
  return `The host "${name}" is not one of this server's. If it is, name it in admin.allowedHosts.`;
}

/** Only pages of this server may write. */
export function refuseWrite(
  { host, origin, fetchSite, hasBearer }: RequestOrigin,
  allowed: readonly string[],
): Refusal {
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

/** Without the port, in small letters. */
function nameOf(host: string | undefined): string | undefined {
  if (host === undefined || /[@/\\?#]/.test(host) || !URL.canParse(`http://${host}`))
    return undefined;
  const { hostname } = new URL(`http://${host}`);
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}
