import { expect, test } from 'vitest';
import { OnceSummary } from '../../src/cli/once-summary.ts';
import type { LogRow } from '../../src/log/log-row.ts';

const ROW: LogRow = {
  id: 1,
  channel: 'c',
  key: null,
  json: '{}',
  writtenAt: 0,
  traceparent: null,
};

test('one that was paused before is told of as such', () => {
  const summary = new OnceSummary();
  summary.count({ type: 'paused', consumer: 'a' });
  expect(summary.text()).toBe('a: paused; `pgwatch resume` lets it go on\n');
});

test('one that is paused in the middle also tells what it has done', () => {
  const summary = new OnceSummary();
  summary.count({ type: 'handled', consumer: 'a', rows: [ROW, ROW] });
  summary.count({ type: 'paused', consumer: 'a' });
  expect(summary.text()).toBe(
    'a: 2 handled, 0 to be retried, 0 dead-lettered; paused; `pgwatch resume` lets it go on\n',
  );
});
