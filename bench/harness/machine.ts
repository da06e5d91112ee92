import { readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';

/** What the figures were measured on, and with. */
export interface Machine {
  readonly system: string;
  readonly processors: string;
  readonly memoryGib: number;
  readonly node: string;
  readonly postgresql: string;
  readonly packages: Readonly<Record<string, string>>;
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
  };
}
