import { type IncomingHttpHeaders, request } from 'node:http';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { AdminOptions } from '../../src/admin/web/options.ts';
import { type AdminServer, startAdminServer } from '../../src/admin/web/server.ts';
import type { ResolvedConfig } from '../../src/config/resolved-config.ts';
import { resolveForTest } from './resolved-config.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Headers = Readonly<Record<string, string>>;

/** Requests as no browser would send them, too: every header is the test's own. */
export class AdminClient {
  readonly #server: AdminServer;
  #closing: Promise<void> | undefined;
  /** The lines of the log, as objects. */
  readonly lines: Record<string, unknown>[];

  constructor(server: AdminServer, lines: Record<string, unknown>[]) {
    this.#server = server;
    this.lines = lines;
  }

  get origin(): string {
    return this.#server.url;
  }

  /** Ends the server before the test ends. */
  close(): Promise<void> {
    this.#closing ??= this.#server.close();
    return this.#closing;
  }

  get(path: string, headers: Headers = {}): Promise<Answer> {
    return this.#send('GET', path, { accept: 'text/html', ...headers }, '');
  }

  head(path: string): Promise<Answer> {
    return this.#send('HEAD', path, {}, '');
  }

  /** As a page of this server sends a form, unless `headers` say otherwise. */
  post(path: string, fields: Headers = {}, headers: Headers = {}): Promise<Answer> {
    const form = { origin: this.origin, 'sec-fetch-site': 'same-origin', ...FORM, ...headers };
    return this.#send('POST', path, form, new URLSearchParams(fields).toString());
  }

  /** The same, with names that may come several times. */
  postFields(path: string, fields: [string, string][]): Promise<Answer> {
    const headers = { origin: this.origin, 'sec-fetch-site': 'same-origin', ...FORM };
    return this.#send('POST', path, headers, new URLSearchParams(fields).toString());
  }

  /** Without any header but those given. */
  postBare(path: string, fields: Headers, headers: Headers): Promise<Answer> {
    return this.#send(
      'POST',
      path,
      { ...FORM, ...headers },
      new URLSearchParams(fields).toString(),
    );
  }

  /** The token that the forms of a page carry. */
  async formToken(path: string, headers: Headers = {}): Promise<string> {
    const { body } = await this.get(path, headers);
    return /name="token" value="(?<token>[^"]+)"/.exec(body)?.groups?.['token'] ?? '';
  }

  #send(method: string, path: string, headers: Headers, body: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        `${this.origin}${path}`,
        { method, headers, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

export interface AdminClientOptions extends Pick<AdminOptions, 'db'> {
  readonly env?: Headers;
  readonly config?: Partial<ResolvedConfig>;
  readonly metrics?: AdminOptions['metrics'];
  readonly readiness?: AdminOptions['readiness'];
}

/** An admin server in this process, closed after the test. */
export async function startAdmin({
  db,
  env = {},
  config = {},
  metrics,
  readiness,
}: AdminClientOptions): Promise<AdminClient> {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const server = await startAdminServer({
    db,
    env,
    logger,
    config: resolveForTest(config),
    bind: { host: '127.0.0.1', port: 0 },
    ...(metrics === undefined ? {} : { metrics }),
    ...(readiness === undefined ? {} : { readiness }),
  });
  const client = new AdminClient(server, lines);
  onTestFinished(() => client.close());
  return client;
}
