import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { namesOf } from '../../src/db/names.ts';
import { ownMigrations } from '../../src/db/own-migrations.ts';

/** The text of all of them, for an installation with these names. */
async function textFor(schema: string, functionsSchema = 'public'): Promise<string> {
  const scripts = await ownMigrations(namesOf(schema, functionsSchema));
  return scripts.map(({ up }) => (up.kind === 'sql' ? up.text : '')).join('\n');
}

const withoutComments = (text: string) => text.replace(/--.*/g, '');

describe('the migrations of pgwatch itself', () => {
  it('are all files of the folder, in the order of their numbers', async () => {
    const files = await readdir(new URL('../../migrations/', import.meta.url));
    const names = (await ownMigrations(namesOf('pgwatch', 'public'))).map(({ name }) => name);
    expect(names.map((name) => `${name}.sql`)).toEqual(files.toSorted());
    expect(names.map((name) => name.slice(0, 4))).toEqual(
      names.map((_, index) => String(index + 1).padStart(4, '0')),
    );
  });

  it('cannot be reverted', async () => {
    for (const { down } of await ownMigrations(namesOf('pgwatch', 'public'))) {
      expect(down).toBeUndefined();
    }
  });

  it('name every schema, lock and channel of their installation', async () => {
    const names = namesOf('the_schema', 'the_functions');
    const text = await textFor(names.schema, names.functionsSchema);
    expect(withoutComments(text)).not.toMatch(/@[a-z_]+@/);
    for (const part of [
      '"the_schema".notification_log',
      '"the_functions".smart_notify',
      "n.nspname = 'the_schema'",
      `${names.lockClass}, ${names.doorbellLock}`,
      "pg_notify('the_schema', channel)",
    ]) {
      expect(text).toContain(part);
    }
  });

  it('quote the names', async () => {
    const text = await textFor('we"ird', "o'clock");
    expect(text).toContain('"we""ird".notification_log');
    expect(text).toContain(`n.nspname = 'we"ird'`);
    expect(text).toContain(`"o'clock".smart_notify`);
  });

  it('put no name into a comment, which a line break in it would end', async () => {
    const text = await textFor('a\nb');
    const comments = text.match(/--.*/g) ?? [];
    expect(comments.length).toBeGreaterThan(10);
    expect(comments.filter((comment) => comment.includes('"a'))).toEqual([]);
  });

  it('let no name end the body of a function', async () => {
    const text = await textFor('a$$b', '$');
    const bodies = text.split('$pgwatch_body$').filter((_, index) => index % 2 === 1);
    expect(bodies.length).toBeGreaterThan(10);
    expect(bodies.filter((body) => body.includes('"a$$b".')).length).toBeGreaterThan(1);
    expect(text.replaceAll('"a$$b"', '').replaceAll("'a$$b'", '')).not.toContain('$$');
  });
});

describe('two installations', () => {
  it('have locks of their own', () => {
    const locks = ['one', 'two'].map((schema) => {
      const { doorbellLock, doorkeeperLock, presenceLock, migrationLock } = namesOf(schema, 'f');
      return [doorbellLock, doorkeeperLock, presenceLock, migrationLock];
    });
    expect(new Set(locks.flat()).size).toBe(8);
  });
});
