import { createServer } from 'node:net';
import pg from 'pg';
import { SQLSTATE } from '../sqlstate.ts';

/** The superuser of every embedded server. */
export const SUPERUSER = 'postgres';
export const HOST = '127.0.0.1';

export interface ServerAddress {
  readonly port: number;
  readonly password: string;
}

/**
 * Where a client connects to. The password is made of letters, digits, `-` and `_`. The server
 * has no certificate, and PGSSLMODE in the environment may ask for one.
 */
export function serverUrl(address: ServerAddress, database: string): string {
  const authority = `${SUPERUSER}:${address.password}@${HOST}:${address.port}`;
  return `postgres://${authority}/${database}?sslmode=disable`;
}

/** Lends a connection to the database `postgres`, and always closes it. */
export async function withServer<T>(
  address: ServerAddress,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: serverUrl(address, 'postgres'),
    connectionTimeoutMillis: 5_000,
    // Instead of PGOPTIONS in the environment, which is about another server.
    options: '-c client_min_messages=warning',
    query_timeout: 60_000,
  });
  client.on('error', () => {
    // The server went away; the query in hand, or the next one, fails with it.
  });
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The `cluster_name` of whatever answers there: a port alone says little about who that is. */
export async function readClusterName(address: ServerAddress): Promise<string> {
  return withServer(address, async (client) => {
    const { rows } = await client.query<{ cluster_name: string }>('show cluster_name');
    return rows[0]?.cluster_name ?? '';
  });
}

const COMES_OR_GOES: ReadonlySet<string | undefined> = new Set([
  SQLSTATE.adminShutdown,
  SQLSTATE.crashShutdown,
  SQLSTATE.cannotConnectNow,
]);

/** Whether it is worth trying again: nobody listens, or the server is starting or stopping. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || COMES_OR_GOES.has(error.code);
}

/** Whether the server was reached and refused the password. */
export function isPasswordRefused(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '28P01';
}

/** The wanted port if nobody listens there, else any that is free. Others may still be faster. */
export async function choosePort(wanted: number | undefined): Promise<number> {
  if (wanted !== undefined && (await isPortFree(wanted))) return wanted;
  const port = await tryListening(0);
  if (port === undefined) throw new Error(`No port of ${HOST} can be listened on.`);
  return port;
}

export async function isPortFree(port: number): Promise<boolean> {
  return (await tryListening(port)) !== undefined;
}

function tryListening(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, HOST, () => {
      const address = server.address();
      const found = typeof address === 'object' ? address?.port : undefined;
      server.close(() => resolve(found));
    });
  });
}
