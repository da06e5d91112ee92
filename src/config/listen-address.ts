/** Where a server of ours listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** A host (an IPv6 address in brackets), or none: this machine only; and a port. */
const ADDRESS = /^(?:(?<host>[^:[\]\s/]+|\[[\da-f:.]+\]):)?(?<port>\d{1,5})$/i;

const THIS_MACHINE = '127.0.0.1';
const HIGHEST_PORT = 65_535;

/** An address as typed, `0.0.0.0:9464` or `9464`; undefined: it is none. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const { host = THIS_MACHINE, port } = ADDRESS.exec(text.trim())?.groups ?? {};
  if (port === undefined || Number(port) > HIGHEST_PORT) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
