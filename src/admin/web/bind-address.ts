import { isIP } from 'node:net';
import { PgwatchError } from '../../errors.ts';

export interface BindAddress {
  /** An address or a name of this machine. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

const HIGHEST_PORT = 65_535;

/**
 * An address as typed: `host:port`, `[::1]:port`, `:port`, `port` or `host`; what is not said is as in
 * `defaults`.
 * @throws USAGE
 */
export function parseBindAddress(text: string, defaults: BindAddress): BindAddress {
  const typed = text.trim();
  if (typed === '') throw noAddress(text);
  if (isIP(typed) === 6) return { ...defaults, host: typed };
  if (/^\d+$/.test(typed)) return { ...defaults, port: portOf(typed, text) };
  const { bracketed, name, port } = ADDRESS.exec(typed)?.groups ?? {};
  const host = bracketed ?? name;
  if (host === undefined && port === undefined) throw noAddress(text);
  if (bracketed !== undefined && isIP(bracketed) !== 6) throw noAddress(text);
  return {
    host: host === undefined || host === '' ? defaults.host : host,
    port: port === undefined ? defaults.port : portOf(port, text),
  };
}

const ADDRESS = /^(?:\[(?<bracketed>[^\]]+)\]|(?<name>[A-Za-z0-9._-]*))(?::(?<port>\d+))?$/;

/** Whether only programs of this machine reach it. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost') return true;
  if (isIP(name) === 4) return name.startsWith('127.');
  return name === '::1' || name.startsWith('::ffff:127.');
}

/** With its port, as a URL has it. */
export function shownAddress({ host, port }: BindAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function portOf(digits: string, text: string): number {
  const port = Number(digits);
  if (port > HIGHEST_PORT) throw noAddress(text);
  return port;
}

function noAddress(text: string): PgwatchError {
  return new PgwatchError('USAGE', {
    what: `${JSON.stringify(text)} is no address to listen at.`,
    hint: 'Write host:port, such as 127.0.0.1:7432 or [::1]:7432, or only a port.',
  });
}
