import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { explainConnectionError } from '../../src/db/connection-error.ts';
import { redactUrl } from '../../src/redact.ts';
import { openAt } from '../support/open-database.ts';
import { folderWith } from '../support/temporary-folder.ts';

/** Of a port that nobody can listen on. */
const CLOSED = '127.0.0.1:1';

async function failureOf(url: string): Promise<unknown> {
  const db = openAt(url, { poolSize: 1 });
  onTestFinished(() => db.close());
  const error: unknown = await db.servers
    .inTurn(() => db.pool.query('select'))
    .catch((thrown: unknown) => thrown);
  return explainConnectionError(error, redactUrl(url));
}

/** Where every connection is broken as soon as something is said. */
async function rudeServer(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('of several hosts, each one is named with what it said', async () => {
  expect(await failureOf(`postgres://u:s3cret@${CLOSED},127.0.0.1:2/db`)).toMatchObject({
    code: 'DATABASE_UNREACHABLE',
    message:
      'Cannot connect to postgres://u:***@127.0.0.1:1,127.0.0.1:2/db: ' +
      '127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1; 127.0.0.1:2: connect ECONNREFUSED 127.0.0.1:2. ' +
      'None of the servers takes the connection.',
    hint: 'Start PostgreSQL, or correct the host and port of the database URL.',
  });
});

test('a connection that is broken while it is made is no surprise', async () => {
  expect(await failureOf(`postgres://u:s3cret@127.0.0.1:${await rudeServer()}/db`)).toMatchObject({
    code: 'DATABASE_UNREACHABLE',
    message: expect.stringMatching(/(ECONNRESET|EPIPE|terminated).*The other side broke/),
  });
});

test.each(['sslcert', 'sslkey', 'sslrootcert'])(
  '%s of a file that is not there is named',
  async (name) => {
    expect(await failureOf(`postgres://u:s3cret@${CLOSED}/db?${name}=/no/such.pem`)).toMatchObject({
      code: 'DATABASE_URL_INVALID',
      message: `${name} in the database URL names the file /no/such.pem, which cannot be read. It does not exist.`,
    });
  },
);

test('a certificate that is a folder is said to be one', async () => {
  const folder = await folderWith({});
  expect(await failureOf(`postgres://u:s3cret@${CLOSED}/db?sslcert=${folder}`)).toMatchObject({
    code: 'DATABASE_URL_INVALID',
    message: expect.stringMatching(/^sslcert .* names the file \S+, which .* It is a folder\.$/),
  });
});

test('a socket that is not there is still a socket', async () => {
  expect(await failureOf('postgres:///db?host=/no/such')).toMatchObject({
    code: 'DATABASE_UNREACHABLE',
    message: expect.stringContaining('There is no such socket.'),
  });
});
