import { describe, expect, it } from 'vitest';
import { type MigrationTarget, stepsTo } from '../../src/db/migrator.ts';

/** Migrations in order; those that have been applied are in capitals. */
function steps(target: MigrationTarget, ...names: readonly string[]): string[] {
  const state = names.map((name) => ({
    name: name.toLowerCase(),
    executedAt: name === name.toUpperCase() ? new Date(0) : undefined,
  }));
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
