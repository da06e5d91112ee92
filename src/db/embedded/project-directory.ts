import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PgwatchError } from '../../errors.ts';
import { createPrivateDirectory, giveTree, removeTree } from './ownership.ts';
import { isAlive, type ProcessMark, pidNamespace } from './process-mark.ts';
import { clusterName } from './server-processes.ts';
import { type ServerUser, userName } from './server-user.ts';

/** What the process that started the server wrote down for the others, and for the next start. */
export interface ServerRecord {
  readonly port: number;
  readonly pid: number;
  readonly supervisor: ProcessMark;
  /** Where the pids mean something. */
  readonly namespace: string;
  /** Which data it serves: tells a copied project from the one it was copied from. */
  readonly cluster: string;
}

/** Four missed heartbeats of a supervisor that cannot be asked whether it is alive. */
const HEARTBEAT_LOST_MS = 20_000;
const LARGE_LOG_BYTES = 10 * 1024 * 1024;

/**
 * `.pgwatch/` in a project: the embedded server's data and what belongs to it.
 *
 *   data/         the cluster; belongs to the server's user
 *   password      the superuser's
 *   server.json   the record of the running server, or of the last one
 *   server.log    what PostgreSQL says
 *   lock          held while a server is being started
 *   setup-*       clusters being made
 */
export class ProjectDirectory {
  readonly path: string;
  readonly data: string;
  readonly log: string;
  readonly lock: string;
  readonly record: string;
  readonly #password: string;

  constructor(root: string) {
    this.path = join(root, '.pgwatch');
    this.data = join(this.path, 'data');
    this.log = join(this.path, 'server.log');
    this.lock = join(this.path, 'lock');
    this.record = join(this.path, 'server.json');
    this.#password = join(this.path, 'password');
  }

  /**
   * Makes the directory if it is missing.
   *
   * @throws PgwatchError EMBEDDED_START_FAILED when its data belongs to another user
   */
  async prepare(): Promise<void> {
    const made = await mkdir(this.path, { recursive: true });
    if (made !== undefined) this.#write(join(this.path, '.gitignore'), '*\n');
    const self = process.geteuid?.() ?? 0;
    const owner = statSync(this.data, { throwIfNoEntry: false })?.uid ?? self;
    if (self === 0 || owner === self) return;
    throw new PgwatchError('EMBEDDED_START_FAILED', {
      what: `The embedded PostgreSQL server's data in ${this.data} belongs to ${userName(owner)}, and this is ${userName(self)}.`,
      why: 'PostgreSQL serves data only to its owner.',
      hint: `Run pgwatch as the user who ran it first (root, if the owner is postgres or nobody), or stop it there and take the data over: sudo chown -R ${self} ${this.path}`,
    });
  }

  hasData(): boolean {
    return statSync(this.data, { throwIfNoEntry: false }) !== undefined;
  }

  /** Data that root copied from elsewhere is root's, and PostgreSQL would refuse it. */
  giveDataTo(user: ServerUser | undefined): void {
    if (user !== undefined && statSync(this.data).uid === 0) giveTree(this.data, user);
  }

  async readPassword(): Promise<string | undefined> {
    const password = (await readIfThere(this.#password))?.trim() ?? '';
    // It goes into a URL and into SQL as it is.
    return /^[\w-]{16,}$/.test(password) ? password : undefined;
  }

  makePassword(): string {
    const password = randomBytes(24).toString('base64url');
    this.#write(this.#password, `${password}\n`);
    return password;
  }

  /** What is known of a server on this very data. */
  async readRecord(): Promise<ServerRecord | undefined> {
    const text = await readIfThere(this.record);
    if (text === undefined || !this.hasData()) return undefined;
    try {
      const record: unknown = JSON.parse(text);
      return isRecord(record) && record.cluster === clusterName(this.data) ? record : undefined;
    } catch {
      return undefined;
    }
  }

  writeRecord(server: { pid: number; port: number; supervisor: ProcessMark }): void {
    const record: ServerRecord = {
      ...server,
      namespace: pidNamespace(),
      cluster: clusterName(this.data),
    };
    this.#write(this.record, `${JSON.stringify(record, null, 2)}\n`);
  }

  /** Whether a server seems to run on this data where its processes cannot be seen from here. */
  async isServedElsewhere(): Promise<boolean> {
    const record = await this.readRecord();
    if (record === undefined || record.namespace === pidNamespace()) return false;
    if (statSync(join(this.data, 'postmaster.pid'), { throwIfNoEntry: false }) === undefined) {
      return false;
    }
    return Date.now() - statSync(this.record).mtimeMs < HEARTBEAT_LOST_MS;
  }

  /** Starts a new log when the old one has grown large, and makes sure there is one. */
  prepareLog(): void {
    const size = statSync(this.log, { throwIfNoEntry: false })?.size ?? 0;
    if (size > LARGE_LOG_BYTES) renameSync(this.log, `${this.log}.1`);
    closeSync(openSync(this.log, 'a', 0o600));
    this.#giveToOwner(this.log);
  }

  /** A directory to make a cluster in. */
  createSetup(user: ServerUser | undefined): string {
    const setup = join(this.path, `setup-${process.pid}-${randomBytes(4).toString('hex')}`);
    createPrivateDirectory(setup, user);
    return setup;
  }

  /** Removes the clusters that processes were making when they were killed. */
  async sweepSetups(): Promise<void> {
    for (const name of await readdir(this.path)) {
      const pid = /^setup-(\d+)-/.exec(name)?.[1];
      if (pid === undefined || isAlive({ pid: Number(pid), started: '' })) continue;
      await removeTree(join(this.path, name)).catch(() => {
        // Its initdb may still be at work: the next start tries again.
      });
    }
  }

  /** Written beside and renamed, so that nobody reads half of it. */
  #write(path: string, text: string): void {
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, text, { mode: 0o600 });
    this.#giveToOwner(draft);
    renameSync(draft, path);
  }

  /** What root writes in another user's project, that user must be able to write too. */
  #giveToOwner(path: string): void {
    if (process.geteuid?.() !== 0) return;
    const { uid, gid } = statSync(this.path);
    chownSync(path, uid, gid);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is ServerRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'port' in value &&
    typeof value.port === 'number' &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'supervisor' in value &&
    typeof value.supervisor === 'object' &&
    'namespace' in value &&
    'cluster' in value
  );
}
