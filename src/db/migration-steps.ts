import { PgwatchError } from '../errors.ts';

export interface MigrationState {
  readonly name: string;
  /** Undefined: pending. */
  readonly executedAt: Date | undefined;
  /** Applied once, and its file is not there any more. */
  readonly isGone: boolean;
}

export type MigrationTarget =
  | { readonly kind: 'latest' }
  | { readonly kind: 'down' }
  /** `name` undefined: before the first. */
  | { readonly kind: 'to'; readonly name: string | undefined };

export interface MigrationChange {
  readonly name: string;
  readonly direction: 'up' | 'down';
}

interface PlannedStep extends MigrationChange {
  /** The migration that is the newest one after a step down. */
  readonly previous: string | undefined;
}

/** What is there and what was applied, as one list in the order of the names. */
export function stateOf(
  names: readonly string[],
  applied: ReadonlyMap<string, Date>,
): MigrationState[] {
  const all = [...new Set([...names, ...applied.keys()])].sort();
  return all.map((name) => ({
    name,
    executedAt: applied.get(name),
    isGone: !names.includes(name),
  }));
}

/**
 * Which migrations to run, in which order. Pure.
 * @throws RangeError when the target does not exist; MIGRATION_UNKNOWN when there is something to
 *   run, and the file of one that was applied is gone
 */
export function stepsTo(
  target: MigrationTarget,
  state: readonly MigrationState[],
): readonly PlannedStep[] {
  const steps = planned(target, state);
  if (steps.length > 0) assertNoneGone(state);
  return steps;
}

function assertNoneGone(state: readonly MigrationState[]): void {
  const gone = state.filter(({ isGone }) => isGone).map(({ name }) => `"${name}"`);
  if (gone.length === 0) return;
  const subject =
    gone.length === 1
      ? `The migration ${gone[0]} was applied, and its file is`
      : `The migrations ${gone.join(', ')} were applied, and their files are`;
  throw new PgwatchError('MIGRATION_UNKNOWN', {
    what: `${subject} not there any more.`,
    why: 'So the database is not what the folder says, and to migrate on could break it.',
    hint: "Bring it back under that name, and check `migrations` in the configuration. To do without it, delete its row from the table project_migration in pgwatch's schema.",
  });
}

function planned(
  target: MigrationTarget,
  state: readonly MigrationState[],
): readonly PlannedStep[] {
  const executed = state.filter((migration) => migration.executedAt !== undefined);
  const pending = state.filter((migration) => migration.executedAt === undefined);
  const up = (migrations: readonly MigrationState[]): PlannedStep[] =>
    migrations.map(({ name }) => ({ name, direction: 'up', previous: undefined }));
  const down = (count: number): PlannedStep[] =>
    executed
      .map(({ name }, index) => ({
        name,
        direction: 'down' as const,
        previous: executed[index - 1]?.name,
      }))
      .slice(executed.length - count)
      .reverse();

  switch (target.kind) {
    case 'latest':
      return up(pending);
    case 'down':
      return down(Math.min(1, executed.length));
    case 'to': {
      const position = state.findIndex(({ name }) => name === target.name);
      if (position === -1 && target.name !== undefined) {
        throw new RangeError(`There is no migration "${target.name}".`);
      }
      const after = executed.filter((migration) => state.indexOf(migration) > position);
      if (after.length > 0) return down(after.length);
      return up(pending.filter((migration) => state.indexOf(migration) <= position));
    }
  }
}
