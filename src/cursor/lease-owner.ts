import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Who holds a lease: `host/pid/started/machine/token`. The token makes each daemon its own owner; the
 * machine tells whether the pid can be looked up from here, the start whether a process with that
 * pid is still the same one.
 */
export type LeaseOwner = string & { readonly __leaseOwner: true };

/** A new owner for this process. */
export function newLeaseOwner(): LeaseOwner {
  const token = randomBytes(6).toString('hex');
  return [hostname(), process.pid, started(), machine(), token].join('/') as LeaseOwner;
}

/** An owner as a person wants to read it; as it stands when it cannot be understood. */
export function shownOwner(owner: string): string {
  const [host, pid, ...others] = owner.split('/');
  return others.length === 3 ? `process ${pid} on ${host}` : owner;
}

/**
 * Whether the owner certainly has ended: its process was on this machine (same boot, same pid
 * namespace) and is there no more. Saves waiting for the lease of a daemon that was killed and
 * restarted at once. A wrong answer would cost a take-over, never a lost notification: the lease's
 * epoch fences whoever was replaced.
 */
export function hasEnded(owner: string, self: LeaseOwner): boolean {
  const [, pid, ownersStart, ownersMachine] = owner.split('/');
  if (owner === self || pid === undefined || ownersMachine !== machine()) return false;
  if (Number(pid) === process.pid) return ownersStart !== started();
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

/** When this process started, in milliseconds since 1970. */
function started(): string {
  return String(Math.round(performance.timeOrigin));
}

/** Names the space of process ids this process lives in. */
function machine(): string {
  const parts = [
    hostname(),
    read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    read(() => readlinkSync('/proc/self/ns/pid')),
  ];
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
}

/** Linux tells; elsewhere the host name has to do. */
function read(get: () => string): string {
  try {
    return get();
  } catch {
    return '';
  }
}
