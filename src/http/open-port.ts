import type { Server } from 'node:http';
import { errorFields } from '../error-fields.ts';
import { PgwatchError } from '../errors.ts';
import { type ListenAddress, shownAddress } from '../listen-address.ts';

export interface OpenPortOptions {
  /** What is to be served there, as the beginning of a sentence: `The admin page`. */
  readonly what: string;
  /** How another address is chosen: `with --metrics host:port`. */
  readonly how: string;
}

/** What an error of listening means, and what to do. */
const FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another program listens there. End it, or choose another port',
  EADDRNOTAVAIL: 'No such address belongs to this machine. Choose one that does',
  ENOTFOUND: 'That name cannot be resolved. Choose an address of this machine',
  EACCES: 'This user may not take that port. Choose one from 1024 on',
};

/**
 * Lets a server listen.
 * @returns where it does: port 0 has become one that was free
 * @throws ADDRESS_UNAVAILABLE
 */
export async function openPort(
  server: Server,
  { host, port }: ListenAddress,
  { what, how }: OpenPortOptions,
): Promise<ListenAddress> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (cause) {
    const code = errorFields(cause).code ?? '';
    throw new PgwatchError('ADDRESS_UNAVAILABLE', {
      what: `${what} cannot listen at ${shownAddress({ host, port })} (${code}).`,
      hint: `${FAULTS[code] ?? 'Choose another address'}, ${how}.`,
      cause,
    });
  }
  const address = server.address();
  return { host, port: typeof address === 'object' && address !== null ? address.port : port };
}
