import { PgwatchError } from '../errors.ts';

export interface MigrationState {
  readonly name: string;
  /** Undefined: pending. */
  readonly executedAt: Date | undefined;
  /** Applied once, and its file is not there any more. */
  readonly isGone: boolean;
  /** Pending, and its name sorts before one that was applied. */
  readonly isOutOfOrder: boolean;
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
  const newest = all.findLast((name) => applied.has(name)) ?? '';
  return all.map((name) => ({
    name,
    executedAt: applied.get(name),
    isGone: !names.includes(name),
    isOutOfOrder: !applied.has(name) && name < newest,
  }));
}

/**
 * Which migrations to run, in which order. Pure.
 * @throws RangeError when the target does not exist; when there is something to run,
 *   MIGRATION_UNKNOWN when the file of one that was applied is gone, MIGRATION_OUT_OF_ORDER when one
 *   that is new comes before one that was applied
 */
export function stepsTo(
  target: MigrationTarget,
  state: readonly MigrationState[],
): readonly PlannedStep[] {
  const steps = planned(target, state);
  if (steps.length > 0) {
    assertNoneGone(state);
    assertInOrder(state);
  }
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

function assertInOrder(state: readonly MigrationState[]): void {
  const early = state.filter(({ isOutOfOrder }) => isOutOfOrder).map(({ name }) => `"${name}"`);
  if (early.length === 0) return;
  const newest = state.findLast(({ executedAt }) => executedAt !== undefined)?.name;
  const [subject, remedy] =
    early.length === 1
      ? [`The migration ${early[0]} is new and comes`, 'Rename it so that it sorts']
      : [`The migrations ${early.join(', ')} are new and come`, 'Rename them so that they sort'];
  throw new PgwatchError('MIGRATION_OUT_OF_ORDER', {
    what: `${subject} before "${newest}", which was applied.`,
    why: 'Migrations run in the order of their names, so elsewhere it would run before what has already run here.',
    hint: `${remedy} last.`,
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
