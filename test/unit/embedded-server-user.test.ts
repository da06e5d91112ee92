import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  canReach,
  chooseServerUser,
  serverEnvironment,
} from '../../src/db/embedded/server-user.ts';
import { skipBecause } from '../support/skip.ts';

/** Nobody on any machine: neither owner nor group of anything here. */
const stranger = { name: 'stranger', uid: 4_000_000, gid: 4_000_000 };
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgwatch-test-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('whether the server’s user can reach a path', () => {
  it('depends on every directory on the way', async (test) => {
    if (!(await canReach(tmpdir(), stranger)))
      skipBecause(test, 'nobody else can enter TMPDIR itself');
    const inner = join(directory, 'inner');
    await mkdir(inner);
    await chmod(inner, 0o755);
    await chmod(directory, 0o755);
    expect(await canReach(inner, stranger)).toBe(true);
    await chmod(directory, 0o700);
    expect(await canReach(inner, stranger)).toBe(false);
    await chmod(directory, 0o711);
    expect(await canReach(inner, stranger)).toBe(true);
  });

  it('depends on the path itself', async (test) => {
    if (!(await canReach(tmpdir(), stranger)))
      skipBecause(test, 'nobody else can enter TMPDIR itself');
    const file = join(directory, 'file');
    await writeFile(file, '');
    await chmod(directory, 0o755);
    await chmod(file, 0o640);
    expect(await canReach(file, stranger)).toBe(false);
    await chmod(file, 0o644);
    expect(await canReach(file, stranger)).toBe(true);
  });

  it('depends on nothing when no other user is needed', async () => {
    await chmod(directory, 0o700);
    expect(await canReach(directory, undefined)).toBe(true);
  });
});

describe('the server’s user', () => {
  it('is another one exactly when this is root', () => {
    const user = chooseServerUser();
    if (process.geteuid?.() === 0) expect(user?.uid).toBeGreaterThan(0);
    else expect(user).toBeUndefined();
  });

  it('gets none of the secrets and PostgreSQL settings in the environment', () => {
    vi.stubEnv('PGDATA', '/elsewhere');
    vi.stubEnv('SECRET_TOKEN', 'hidden');
    vi.stubEnv('LC_MESSAGES', 'xx_XX');
    const environment = serverEnvironment();
    vi.unstubAllEnvs();
    expect(Object.keys(environment)).not.toContain('PGDATA');
    expect(Object.values(environment)).not.toContain('hidden');
    expect(Object.keys(environment)).not.toContain('LC_MESSAGES');
    expect(environment).toMatchObject({ LC_ALL: 'C', TZ: 'UTC', PATH: expect.anything() });
  });
});
