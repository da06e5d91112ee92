import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { refuseHost } from '../http/known-host.ts';
import { openPort } from '../http/open-port.ts';
import { isLoopback, type ListenAddress, shownAddress } from '../listen-address.ts';

/** Whether a daemon does its work, and if not, what is missing. */
export interface ReadinessReport {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface MetricsServerOptions {
  readonly bind: ListenAddress;
  /** Names that requests may be for, besides `localhost` and addresses, in small letters. */
  readonly allowedHosts: readonly string[];
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
  const { bind, onError } = options;
  const server = createServer((request, response) => {
    answer(options, request)
      .catch((error: unknown) => {
        onError(error);
        return plain(500, 'This could not be answered; the log says why.');
      })
      .then((answered) => send(response, answered, request.method === 'HEAD'), onError);
  });
  const address = await openPort(server, bind, {
    what: 'The metrics',
    how: 'with --metrics host:port',
  });
  server.on('error', onError);
  return {
    url: `http://${shownAddress(address)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { bind, allowedHosts, metrics, readiness }: MetricsServerOptions,
  { method = '', url = '', headers }: IncomingMessage,
): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Ask with GET.');
  switch (url.replace(/\?.*/s, '')) {
    case '/metrics': {
      // Where others reach it anyway, a browser on this machine gives nothing away; and there, a
      // collector asks for whatever name the machine has.
      const refusal = isLoopback(bind.host) ? refuseHost(headers.host, allowedHosts) : undefined;
      if (refusal !== undefined) return plain(421, refusal);
      return { status: 200, type: metrics.contentType, body: await metrics.text() };
    }
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
