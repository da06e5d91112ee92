import { describe, expect, it } from 'vitest';
import { type MigrationTarget, stateOf, stepsTo } from '../../src/db/migration-steps.ts';

/**
 * Migrations in any order; those that have been applied are in capitals, with an exclamation mark
 * when their file is gone.
 */
function steps(target: MigrationTarget, ...names: readonly string[]): string[] {
  const nameOf = (name: string) => name.replace('!', '').toLowerCase();
  const there = names.filter((name) => !name.endsWith('!')).map(nameOf);
  const applied = names.filter((name) => name === name.toUpperCase()).map(nameOf);
  const state = stateOf(there, new Map(applied.map((name) => [name, new Date(0)])));
  return stepsTo(target, state).map(({ name, direction, previous }) =>
    direction === 'up' ? `up ${name}` : `down ${name}, back to ${previous ?? 'nothing'}`,
  );
}

const LATEST: MigrationTarget = { kind: 'latest' };
const DOWN: MigrationTarget = { kind: 'down' };
const to = (name: string | undefined): MigrationTarget => ({ kind: 'to', name });

describe('to the latest', () => {
  it('goes up through all that are pending, in order', () => {
    expect(steps(LATEST, 'A', 'b', 'c')).toEqual(['up b', 'up c']);
  });

  it('does nothing when all are applied, or there are none', () => {
    expect(steps(LATEST, 'A', 'B')).toEqual([]);
    expect(steps(LATEST)).toEqual([]);
  });
});

describe('down', () => {
  it('reverts the newest one that is applied', () => {
    expect(steps(DOWN, 'A', 'B', 'c')).toEqual(['down b, back to a']);
    expect(steps(DOWN, 'A', 'b')).toEqual(['down a, back to nothing']);
  });

  it('does nothing when none is applied', () => {
    expect(steps(DOWN, 'a', 'b')).toEqual([]);
  });
});

describe('to a migration', () => {
  it('goes up to it, when it is pending', () => {
    expect(steps(to('c'), 'A', 'b', 'c', 'd')).toEqual(['up b', 'up c']);
  });

  it('reverts what came after it, newest first', () => {
    expect(steps(to('a'), 'A', 'B', 'C', 'd')).toEqual(['down c, back to b', 'down b, back to a']);
  });

  it('does nothing when it is the newest one that is applied', () => {
    expect(steps(to('b'), 'A', 'B', 'c')).toEqual([]);
  });

  it('that does not exist is an error, not a way to revert everything', () => {
    expect(() => steps(to('x'), 'A', 'B')).toThrow(new RangeError('There is no migration "x".'));
  });

  it('before the first reverts everything', () => {
    expect(steps(to(undefined), 'A', 'B', 'c')).toEqual([
      'down b, back to a',
      'down a, back to nothing',
    ]);
  });
});

describe('when the file of one that was applied is gone', () => {
  it.each<[string, MigrationTarget, string[]]>([
    ['up', LATEST, ['A', 'B!', 'c']],
    ['down', DOWN, ['A', 'B!', 'C']],
    ['down to that very one', DOWN, ['A', 'B!']],
    ['down when no file is left', DOWN, ['A!']],
    ['back to one before it', to('a'), ['A', 'B!']],
    ['up to one', to('c'), ['A!', 'B', 'c']],
  ])('nothing goes %s', (_way, target, names) => {
    const gone = names
      .find((name) => name.endsWith('!'))
      ?.charAt(0)
      .toLowerCase();
    expect(() => steps(target, ...names)).toThrow(
      expect.objectContaining({
        code: 'MIGRATION_UNKNOWN',
        message: expect.stringContaining(
          `The migration "${gone}" was applied, and its file is not there any more.`,
        ),
        hint: expect.stringContaining('Bring it back'),
      }),
    );
  });

  it('all of them are named', () => {
    expect(() => steps(LATEST, 'A!', 'B!', 'c')).toThrow(
      'The migrations "a", "b" were applied, and their files are not there any more.',
    );
  });

  it('it is no error as long as there is nothing to do', () => {
    expect(steps(LATEST, 'A', 'B!')).toEqual([]);
    expect(steps(to('b'), 'A!', 'B')).toEqual([]);
  });
});

describe('when a new one comes before one that was applied', () => {
  it.each<[string, MigrationTarget, string[]]>([
    ['up', LATEST, ['A', 'b', 'C']],
    ['up to it', to('b'), ['A', 'b', 'C', 'D']],
    ['down', DOWN, ['A', 'b', 'C']],
  ])('nothing goes %s', (_way, target, names) => {
    expect(() => steps(target, ...names)).toThrow(
      expect.objectContaining({
        code: 'MIGRATION_OUT_OF_ORDER',
        message: expect.stringMatching(
          /^The migration "b" is new and comes before "[cd]", which was applied\./,
        ),
        hint: 'Rename it so that it sorts last.',
      }),
    );
  });

  it('all of them are named', () => {
    expect(() => steps(LATEST, 'a', 'b', 'C')).toThrow(
      'The migrations "a", "b" are new and come before "c", which was applied.',
    );
  });
});
