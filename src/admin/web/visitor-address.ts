import { isIP } from 'node:net';

/**
 * Who made a request: whoever connected or, where a proxy is trusted to say so, whom it names last in
 * X-Forwarded-For. What stands before that one the visitor may have written.
 */
export function visitorAddress(
  connected: string | undefined,
  forwardedFor: string | undefined,
  trustForwardedFor: boolean,
): string {
  const named = trustForwardedFor ? addressIn(forwardedFor?.split(',').at(-1) ?? '') : undefined;
  return named ?? connected ?? 'unknown';
}

/** Without a port. */
function addressIn(text: string): string | undefined {
  const { bracketed, name } = /^(?:\[(?<bracketed>.+)\]|(?<name>[^:]+))(?::\d+)?$/.exec(text.trim())
    ?.groups ?? { name: text.trim() };
  const address = bracketed ?? name ?? '';
  return isIP(address) === 0 ? undefined : address;
}

const GROUPS = 8;
/** Of the 128 bits of an IPv6 address, a subscriber has the lower 64 to choose from. */
const NETWORK_GROUPS = 4;

/** What one visitor cannot change at will: an IPv4 address, the network of an IPv6 address. */
export function networkOf(address: string): string {
  const [plain = ''] = address.split('%');
  const mapped = /^::ffff:(?<v4>[\d.]+)$/i.exec(plain)?.groups?.['v4'];
  if (mapped !== undefined) return mapped;
  if (isIP(plain) !== 6) return address;
  const [head = [], tail = []] = plain.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = Array<string>(Math.max(0, GROUPS - head.length - tail.length)).fill('0');
  const network = [...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS);
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
