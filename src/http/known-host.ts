import { isIP } from 'node:net';

/**
 * Why a request is refused for the host that it names; undefined: it is not. A page of somebody else can
 * let its own name point to this machine (DNS rebinding) and would then count as ours. So only names that
 * we know are answered. Addresses cannot be rebound.
 * @param host the header Host
 * @param allowed further names, in small letters
 */
export function refuseHost(
  host: string | undefined,
  allowed: readonly string[],
): string | undefined {
  const name = nameOf(host);
  if (name === undefined) return 'The request names no host.';
  if (name === 'localhost' || isIP(name) !== 0 || allowed.includes(name)) return undefined;
  return `The host "${name}" is not one of this server's. If it is, name it in admin.allowedHosts.`;
}

/** Without the port, in small letters. */
function nameOf(host: string | undefined): string | undefined {
  if (host === undefined || /[@/\\?#]/.test(host) || !URL.canParse(`http://${host}`))
    return undefined;
  const { hostname } = new URL(`http://${host}`);
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}
