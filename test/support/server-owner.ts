import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** Another process that has opened an embedded server, and lives until it is killed. */
export interface ServerOwner {
  readonly process: ChildProcess;
  readonly url: string;
  readonly owned: boolean;
  /** The postmaster's. */
  readonly pid: number;
  /** Kills it the hard way and waits until it is gone. */
  kill(): Promise<void>;
}

/** What the process runs; `await` something of the type EmbeddedServer. */
export type Opening =
  | { readonly kind: 'project'; readonly root: string; readonly binaries?: string | undefined }
  | { readonly kind: 'throwaway'; readonly binaries?: string | undefined };

/** Starts the process and waits until its server is open. */
export async function startServerOwner(opening: Opening): Promise<ServerOwner> {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const { kind, ...options } = opening;
  const module = new URL(`../../src/db/embedded/${kind}-server.ts`, import.meta.url).href;
  const opener = kind === 'project' ? 'openProjectServer' : 'startThrowawayServer';
  const script = `
    import { ${opener} } from ${JSON.stringify(module)};
    const { url, owned, pid } = await ${opener}(${JSON.stringify(options)});
    process.stdout.write(JSON.stringify({ url, owned, pid }) + '\\n');
    process.stdin.resume();`;
  const child = spawn(
    process.execPath,
    ['--import', loader, '--input-type=module', '--eval', script],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout });
  const exit = once(child, 'exit').then(([code]) => {
    throw new Error(`The owner ended with ${code} before its server was open.`);
  });
  exit.catch(() => undefined);
  const [line] = await Promise.race([once(lines, 'line'), exit]);
  const server: { url: string; owned: boolean; pid: number } = JSON.parse(line);
  return {
    process: child,
    ...server,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
