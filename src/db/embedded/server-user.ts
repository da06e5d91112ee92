import { constants, readFileSync, type Stats, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PgwatchError } from '../../errors.ts';

/**
 * Who the server's processes run as. PostgreSQL refuses to run as root, so root drops to another
 * user; everybody else runs it as themselves.
 */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** In order of preference. The underscored names are those of macOS. */
const PREFERRED_USERS = ['postgres', '_postgres', 'nobody'];

/**
 * The user to drop to, or `undefined` when this process is not root and needs no other.
 * Existing data decides (only its owner may run it, and root may become anybody); else `postgres`
 * or `nobody`, because initdb wants an entry in /etc/passwd and pgwatch creates no user.
 */
export function chooseServerUser(dataDirectory?: string): ServerUser | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const users = readPasswd();
  const owner = dataDirectory === undefined ? undefined : ownerOf(dataDirectory);
  if (owner !== undefined && owner.uid !== 0) {
    return (
      users.find((user) => user.uid === owner.uid) ?? {
        name: `uid ${owner.uid}`,
        uid: owner.uid,
        gid: owner.gid,
      }
    );
  }
  for (const name of PREFERRED_USERS) {
    const user = users.find((candidate) => candidate.name === name && candidate.uid !== 0);
    if (user !== undefined) return user;
  }
  throw new PgwatchError('EMBEDDED_START_FAILED', {
    what: 'The embedded PostgreSQL server cannot be started by root here.',
    why: `PostgreSQL refuses to run as root, and /etc/passwd has no user ${PREFERRED_USERS.join(', ')} to drop to.`,
    hint: 'Run pgwatch as an ordinary user, or use another server with --database-url.',
  });
}

/** What `child_process.spawn` wants. It also drops every supplementary group (libuv does). */
export function spawnIdentity(user: ServerUser | undefined): { uid?: number; gid?: number } {
  // Node wants signed 32-bit numbers; nobody is -2 on macOS.
  return user === undefined ? {} : { uid: user.uid | 0, gid: user.gid | 0 };
}

/**
 * The environment of PostgreSQL's programs. A list of what is let through: whom root drops to must
 * not find root's secrets in there, and PGDATA, PGOPTIONS, LC_ALL and the like would be obeyed.
 */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(PATH|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|TMPDIR|TEMP|TMP|SystemRoot|windir|ComSpec)$/i.test(
      name,
    ),
  );
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

/**
 * Whether the user can enter every directory on the way to `path`, and `path` itself; judged by
 * mode bits, for the user alone without further groups. `undefined` is this process: always.
 */
export async function canReach(path: string, user: ServerUser | undefined): Promise<boolean> {
  if (user === undefined) return true;
  let current = await realpath(path);
  if (!allows(statSync(current), user, constants.S_IRUSR)) return false;
  while (true) {
    const stats = statSync(current);
    if (stats.isDirectory() && !allows(stats, user, constants.S_IXUSR)) return false;
    const parent = dirname(current);
    if (parent === current) return true;
    current = parent;
  }
}

/** `right` is the owner's bit; the group's and the others' are the same, shifted. */
function allows(stats: Stats, user: ServerUser, right: number): boolean {
  if (stats.uid === user.uid) return (stats.mode & right) !== 0;
  if (stats.gid === user.gid) return (stats.mode & (right >> 3)) !== 0;
  return (stats.mode & (right >> 6)) !== 0;
}

function ownerOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** A name for a uid, for messages. */
export function userName(uid: number): string {
  const name = readPasswd().find((user) => user.uid === uid)?.name;
  return name === undefined ? `uid ${uid}` : `${name} (uid ${uid})`;
}

function readPasswd(): ServerUser[] {
  let text: string;
  try {
    text = readFileSync(join('/etc', 'passwd'), 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || !/^-?\d+$/.test(uid ?? '') || !/^-?\d+$/.test(gid ?? '')) return [];
    return [{ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }];
  });
}
