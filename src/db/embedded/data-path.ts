import { PgwatchError } from '../../errors.ts';
import { canReach, type ServerUser } from './server-user.ts';

/**
 * How a process names a directory that its user cannot reach by path: as the third descriptor it
 * was started with. Linux follows such a link without asking for rights on the way, so data below
 * a directory that only root can enter still belongs to, and is served by, somebody else.
 */
export const DESCRIPTOR_PATH = '/proc/self/fd/3';

/** What a program said that knows the directory by its descriptor, for people who know its path. */
export function withRealPath(said: string, directory: string): string {
  return said.replaceAll(DESCRIPTOR_PATH, () => directory);
}

/**
 * Whether the server's user must be handed the directory as a descriptor.
 *
 * @throws PgwatchError EMBEDDED_START_FAILED where only Linux would know how
 */
export async function needsDescriptor(
  directory: string,
  user: ServerUser | undefined,
): Promise<boolean> {
  if (await canReach(directory, user)) return false;
  if (process.platform === 'linux') return true;
  throw new PgwatchError('EMBEDDED_START_FAILED', {
    what: `The user ${user?.name} cannot reach ${directory}.`,
    why: 'PostgreSQL refuses to run as root, so it is started as that user.',
    hint: 'Run pgwatch as an ordinary user, or let others enter the directories on the way.',
  });
}
