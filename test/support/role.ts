import { randomBytes } from 'node:crypto';
import { inject, onTestFinished, type TestContext } from 'vitest';
import { query } from './server-probe.ts';
import { skipBecause } from './skip.ts';

/** A role of the server that may log in and owns nothing. */
export interface TestRole {
  readonly name: string;
  /** A database's URL as this role. */
  url(databaseUrl: string): string;
}

/** Makes a role until the test ends; to be called before the databases in which it gets rights. */
export async function createRole(test: TestContext, attributes = ''): Promise<TestRole> {
  const serverUrl = inject('serverUrl');
  const [isSuperuser] = await query(
    serverUrl,
    'select rolsuper from pg_roles where rolname = user',
  );
  if (isSuperuser !== true) skipBecause(test, 'it needs a superuser of the test server');
  const name = `pgwatch_test_${randomBytes(8).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  await query(serverUrl, `create role ${name} login ${attributes} password '${password}'`);
  onTestFinished(async () => {
    await query(serverUrl, `drop role ${name}`);
  });
  return {
    name,
    url(databaseUrl) {
      const url = new URL(databaseUrl);
      url.username = name;
      url.password = password;
      return url.href;
    },
  };
}
