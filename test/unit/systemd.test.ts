import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { notifySystemd } from '../../src/lifecycle/systemd.ts';
import { folderWith } from '../support/temporary-folder.ts';

/** Stands in for systemd's own program; writes down how it was called. Shell built-ins only. */
const RECORDER = `#!/bin/sh
printf '%s\\n' "$NOTIFY_SOCKET" "$@" > "\${0%/*}/called"
`;

const SOCKET = '/run/systemd/notify';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A folder which is all there is in PATH, with this as `systemd-notify`. */
async function pathWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await folderWith(files);
  for (const name of Object.keys(files)) await chmod(join(folder, name), 0o755);
  vi.stubEnv('PATH', folder);
  return folder;
}

/** What the recorder was called with, undefined when it was not. */
async function calledWith(folder: string): Promise<readonly string[] | undefined> {
  try {
    return (await readFile(join(folder, 'called'), 'utf8')).trimEnd().split('\n');
  } catch {
    return undefined;
  }
}

describe('under systemd', () => {
  it.each([
    ['ready', 'READY=1'],
    ['stopping', 'STOPPING=1'],
    ['alive', 'WATCHDOG=1'],
  ] as const)('says "%s", for this process', async (state, assignment) => {
    const folder = await pathWith({ 'systemd-notify': RECORDER });
    vi.stubEnv('NOTIFY_SOCKET', SOCKET);
    const onFailure = vi.fn();
    await notifySystemd(state, onFailure);
    expect(await calledWith(folder)).toEqual([SOCKET, `--pid=${process.pid}`, assignment]);
    expect(onFailure).not.toHaveBeenCalled();
  });

  it('goes on without the program, and says so', async () => {
    await pathWith({});
    vi.stubEnv('NOTIFY_SOCKET', SOCKET);
    const onFailure = vi.fn();
    await notifySystemd('ready', onFailure);
    expect(onFailure.mock.calls).toEqual([[expect.objectContaining({ code: 'ENOENT' })]]);
  });

  it('goes on when the program fails, and says so', async () => {
    await pathWith({ 'systemd-notify': '#!/bin/sh\necho "no such socket" >&2\nexit 3\n' });
    vi.stubEnv('NOTIFY_SOCKET', SOCKET);
    const onFailure = vi.fn();
    await notifySystemd('ready', onFailure);
    expect(onFailure.mock.calls).toEqual([
      [expect.objectContaining({ code: 3, message: expect.stringContaining('no such socket') })],
    ]);
  });
});

describe('without systemd', () => {
  it.each([undefined, ''])('says nothing to anybody (NOTIFY_SOCKET: %j)', async (socket) => {
    const folder = await pathWith({ 'systemd-notify': RECORDER });
    vi.stubEnv('NOTIFY_SOCKET', socket);
    const onFailure = vi.fn();
    await notifySystemd('ready', onFailure);
    expect(await calledWith(folder)).toBeUndefined();
    expect(onFailure).not.toHaveBeenCalled();
  });
});
