import { isIP } from 'node:net';

/** Where a server of ours listens. */
export interface ListenAddress {
  /** An address or a name of this machine. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

const HIGHEST_PORT = 65_535;

const ADDRESS = /^(?:\[(?<bracketed>[^\]]+)\]|(?<name>[A-Za-z0-9._-]*))(?::(?<port>\d+))?$/;

/**
 * An address as typed: `host:port`, `[::1]:port`, `:port`, `port` or `host`; what is not said is as in
 * `defaults`.
 * @returns undefined: it is none
 */
export function parseListenAddress(
  text: string,
  defaults: ListenAddress,
): ListenAddress | undefined {
  const typed = text.trim();
  if (isIP(typed) === 6) return { ...defaults, host: typed };
  if (/^\d+$/.test(typed)) return within({ ...defaults, port: Number(typed) });
  const { bracketed, name, port } = ADDRESS.exec(typed)?.groups ?? {};
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined;
  const host = bracketed ?? name;
  if (port === undefined && !isSurelyHost(host)) return undefined;
  return within({
    host: host === undefined || host === '' ? defaults.host : host,
    port: port === undefined ? defaults.port : Number(port),
  });
}

/** A word alone is rather a mistake. */
function isSurelyHost(text = ''): boolean {
  return text === 'localhost' || /[.:]/.test(text);
}

function within(address: ListenAddress): ListenAddress | undefined {
  return address.port <= HIGHEST_PORT ? address : undefined;
}

/** Whether only programs of this machine reach it. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost') return true;
  if (isIP(name) === 4) return name.startsWith('127.');
  return name === '::1' || name.startsWith('::ffff:127.');
}

/** With its port, as a URL has it. */
export function shownAddress({ host, port }: ListenAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
