import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  startThrowawayServer,
  type ThrowawayServer,
} from '../../src/db/embedded/throwaway-server.ts';
import { type BlackHole, startBlackHole } from './black-hole.ts';
import { ChaosDaemon } from './chaos-daemon.ts';
import { createProjectFolder, type ProjectFolder } from './project-folder.ts';
import { createTables } from './tables.ts';

/** What a run happens in: a server, a project, and daemons with a way to the server each. */
export interface Field {
  readonly server: ThrowawayServer;
  readonly project: ProjectFolder;
  readonly daemons: readonly ChaosDaemon[];
}

export interface FieldOptions {
  readonly seed: number;
  readonly daemons: number;
  /** A folder for the daemons' logs; undefined: they are not kept. */
  readonly logs?: string | undefined;
  /** The folder of a package with PostgreSQL's binaries; by default the installed one's. */
  readonly binaries?: string | undefined;
}

/** Why the server is not that of ordinary tests. */
const SERVER_SETTINGS = {
  // A kill in the middle of a write can tear a page; fsync stays off, since no machine crashes here.
  full_page_writes: 'on',
  // Says when a notification could first be handled.
  track_commit_timestamp: 'on',
  // Recoveries shall be many rather than long.
  checkpoint_timeout: '30s',
};

/** Sets everything up, lends it, and takes it down again, whatever happens. Starts no daemon. */
export async function withField<T>(
  options: FieldOptions,
  use: (field: Field) => Promise<T>,
): Promise<T> {
  if (options.logs !== undefined) await mkdir(options.logs, { recursive: true });
  const project = await createProjectFolder();
  const daemons: ChaosDaemon[] = [];
  const ways: BlackHole[] = [];
  let server: ThrowawayServer | undefined;
  // The server ends with this process by itself; daemons, frozen ones too, must be told.
  const onExit = () => {
    for (const daemon of daemons) daemon.kill();
  };
  process.once('exit', onExit);
  try {
    const { binaries } = options;
    server = await startThrowawayServer({
      settings: SERVER_SETTINGS,
      ...(binaries === undefined ? {} : { binaries }),
    });
    await createTables(server.url);
    for (let number = 0; number < options.daemons; number += 1) {
      const way = await startBlackHole(server.url);
      ways.push(way);
      const { seed, logs } = options;
      const log = logs === undefined ? undefined : join(logs, `daemon-${number}.log`);
      daemons.push(new ChaosDaemon({ project, way, seed, log }));
    }
    return await use({ server, project, daemons });
  } finally {
    await Promise.all(daemons.map((daemon) => daemon.destroy()));
    await Promise.all(ways.map((way) => way.close()));
    await server?.stop();
    await project.remove();
    process.off('exit', onExit);
  }
}
