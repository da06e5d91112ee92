import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { DeadlineError, within } from '../../bench/harness/deadline.ts';
import { fullOnly, type Measure, type Turn } from '../../bench/harness/measure.ts';
import { type RunOptions, runMeasure } from '../../bench/harness/run.ts';
import type { Site } from '../../bench/harness/site.ts';

const SITE: Site = {
  url: '',
  client: new pg.Client(),
  signal: new AbortController().signal,
  connect: async () => new pg.Client(),
  onEnd: () => {},
};
/** No turn here looks at its database. */
const SITES: RunOptions['sites'] = { use: (_template, _deadlineMs, run) => run(SITE) };

describe('a deadline', () => {
  it('gives what comes in time, a value or a failure', async () => {
    await expect(within(60_000, Promise.resolve(1))).resolves.toBe(1);
    await expect(within(60_000, Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('gives up what does not come', async () => {
    await expect(within(1, new Promise(() => {}))).rejects.toThrow(DeadlineError);
  });
});

it('a turn that fails keeps its figures and the others; one that hangs is not run again', async () => {
  const line = { table: 'table', contender: 'a', variant: 'b' };
  const ran: string[] = [];
  const measure: Measure = {
    name: 'measure',
    seconds: { full: 1, quick: 1 },
    tables: [],
    turns: () => [
      {
        name: 'fails late',
        async run(_, record) {
          ran.push('fails late');
          record({ ...line, value: 1 });
          throw new Error('First line.\n\n  and what was said last');
        },
      },
      {
        name: 'hangs',
        run() {
          ran.push('hangs');
          throw new DeadlineError('Not over.');
        },
      },
      {
        name: 'works',
        async run(_, record) {
          ran.push('works');
          record({ ...line, value: 2 });
        },
      },
    ],
  };
  const said: string[] = [];
  const found = await runMeasure(measure, {
    sites: SITES,
    scale: { quick: false, of: (full) => full },
    repeats: 2,
    say: (text) => said.push(text),
  });
  expect(ran).toEqual(['fails late', 'hangs', 'works', 'fails late', 'works']);
  expect(found.samples.map(({ value, repeat }) => [value, repeat])).toEqual([
    [1, 1],
    [2, 1],
    [1, 2],
    [2, 2],
  ]);
  expect(found.failures).toEqual([
    { turn: 'fails late', repeat: 1, reason: 'First line. and what was said last' },
    { turn: 'hangs', repeat: 1, reason: 'Not over.' },
    { turn: 'fails late', repeat: 2, reason: 'First line. and what was said last' },
  ]);
  expect(said).toContain('measure 1/2  hangs: FAILED: Not over.');
});

it('a turn that only a full run has is left out of a quick one', async () => {
  const named = (name: string): Turn => ({
    name,
    async run(_, record) {
      record({ table: 'table', contender: name, variant: 'b', value: 1 });
    },
  });
  const measure: Measure = {
    name: 'measure',
    seconds: { full: 1, quick: 1 },
    tables: [],
    turns: () => [named('always'), fullOnly(named('full')), named('always, too')],
  };
  const ran = async (quick: boolean) => {
    const scale = { quick, of: <T>(full: T, small: T) => (quick ? small : full) };
    const { samples } = await runMeasure(measure, {
      sites: SITES,
      scale,
      repeats: 1,
      say: () => {},
    });
    return samples.map(({ contender }) => contender);
  };
  expect(await ran(true)).toEqual(['always', 'always, too']);
  expect(await ran(false)).toEqual(['always', 'full', 'always, too']);
});
