import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What the figures were measured on, and with. */
export interface Machine {
  readonly system: string;
  readonly processors: string;
  readonly memoryGib: number;
  readonly node: string;
  readonly postgresql: string;
  readonly packages: Readonly<Record<string, string>>;
  /** Of pgwatch, with a mark when the files were others; none outside of a clone. */
  readonly commit: string | undefined;
}

export function describeMachine(postgresql: string): Machine {
  return {
    system: `${type()} ${release()} ${arch()}`,
    processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    postgresql,
    packages: JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
      .devDependencies,
    commit: findCommit(),
  };
}

/** Results that are written meanwhile are no change. */
function findCommit(): string | undefined {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const git = (...parameters: readonly string[]) =>
    execFileSync('git', parameters, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    const changes = git('status', '--porcelain', '--', '.', ':!bench/results');
    return changes === '' ? commit : `${commit} and changes`;
  } catch {
    return undefined;
  }
}
