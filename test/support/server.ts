import type { TestProject } from 'vitest/node';
import { startThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The superuser's URL of the server of this run. */
    serverUrl: string;
  }
}

/**
 * One server for the run: a throw-away one, or the one that PGWATCH_TEST_DATABASE_URL, else
 * DATABASE_URL, names. Its user must be allowed to create databases.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { PGWATCH_TEST_DATABASE_URL, DATABASE_URL } = process.env;
  const given = PGWATCH_TEST_DATABASE_URL || DATABASE_URL;
  if (given) {
    project.provide('serverUrl', given);
    return async () => {
      // Not ours to stop.
    };
  }
  const server = await startThrowawayServer();
  project.provide('serverUrl', server.url);
  return () => server.stop();
}
