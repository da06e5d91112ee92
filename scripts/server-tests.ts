import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The PostgreSQL versions that pgwatch supports. */
const MAJORS = ['14', '15', '16', '17', '18'] as const;
export type Major = (typeof MAJORS)[number];

/** A server to test against, and whatever else its tests should find in the environment. */
export interface TestServer {
  readonly url: string;
  readonly environment?: Readonly<Record<string, string>>;
  stop(): Promise<unknown>;
}

/**
 * Runs the tests of the vitest project `server` against one server after the other, and says at
 * the end, in a line for each, how it went. Sets the exit code: 1 if any of them failed.
 */
export async function testOnServers(
  majors: readonly Major[],
  start: (major: Major) => Promise<TestServer>,
): Promise<void> {
  const results: { readonly line: string; readonly passed: boolean }[] = [];
  for (const major of majors) {
    let passed = false;
    let reason = '';
    try {
      const server = await start(major);
      try {
        passed = await runTests(server);
      } finally {
        await server.stop();
      }
    } catch (error) {
      passed = false;
      reason = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    results.push({ line: `PostgreSQL ${major}: ${passed ? 'passed' : 'FAILED'}${reason}`, passed });
  }
  for (const { line } of results) process.stdout.write(`${line}\n`);
  process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
}

/** The majors named on the command line; all of them when none is. Exits on anything else. */
export function chosenMajors(): readonly Major[] {
  const named = process.argv.slice(2);
  const unknown = named.find((name) => !MAJORS.some((major) => major === name));
  if (unknown !== undefined) {
    process.stderr.write(`"${unknown}" is none of the PostgreSQL versions ${MAJORS.join(', ')}.\n`);
    process.exit(2);
  }
  return named.length === 0 ? MAJORS : MAJORS.filter((major) => named.includes(major));
}

async function runTests(server: TestServer): Promise<boolean> {
  const vitest = join(
    dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
    'vitest.mjs',
  );
  const child = spawn(process.execPath, [vitest, 'run', '--project', 'server'], {
    env: { ...process.env, ...server.environment, PGWATCH_TEST_DATABASE_URL: server.url },
    stdio: 'inherit',
  });
  const [code] = await once(child, 'exit');
  return code === 0;
}
