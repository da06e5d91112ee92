import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { codeOf } from '../db/sqlstate.ts';
import { PgwatchError } from '../errors.ts';

/** Whether a daemon does its work, and if not, what is missing. */
export interface ReadinessReport {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly readiness: () => Promise<ReadinessReport>;
  readonly onError: (error: unknown) => void;
}

export interface MetricsServer {
  /** As one types it: `http://127.0.0.1:9464`. */
  readonly url: string;
  /** Ends what is under way, too. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/**
 * Answers /metrics, /healthz (this process lives) and /readyz (it does its work).
 * @throws ADDRESS_UNAVAILABLE
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { host, port, onError } = options;
  const server = createServer((request, response) => {
    answer(options, request.method, request.url)
      .catch((error: unknown) => {
        onError(error);
        return plain(500, 'This could not be answered; the log says why.');
      })
      .then((answered) => send(response, answered, request.method === 'HEAD'), onError);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(addressUnavailable(host, port, cause)));
    server.listen(port, host, resolve);
  });
  server.on('error', onError);
  return {
    url: urlOf(server.address()),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { metrics, readiness }: MetricsServerOptions,
  method = '',
  url = '',
): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Ask with GET.');
  switch (url.replace(/\?.*/s, '')) {
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.text() };
    case '/healthz':
      return plain(200, 'alive');
    case '/readyz': {
      const { ready, reasons } = await readiness();
      return ready ? plain(200, 'ready') : plain(503, ['not ready', ...reasons].join('\n'));
    }
    default:
      return plain(404, 'There are /metrics, /healthz and /readyz.');
  }
}

function plain(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}

function send(response: ServerResponse, { status, type, body }: Answer, isHead: boolean): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(isHead ? undefined : body);
}

function urlOf(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') return String(address);
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

function addressUnavailable(host: string, port: number, cause: Error): PgwatchError {
  const isTaken = codeOf(cause) === 'EADDRINUSE';
  return new PgwatchError('ADDRESS_UNAVAILABLE', {
    what: `Nothing can be served on ${host}:${port}: ${cause.message}.`,
    hint: isTaken
      ? 'Another program is there; name another port with --metrics host:port.'
      : 'Name an address of this machine, and a port that this user may take: --metrics host:port.',
    cause,
  });
}
