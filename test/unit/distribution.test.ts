import { expect, it } from 'vitest';
import { Distribution, histogramText } from '../../src/metrics/distribution.ts';

it('counts what is at most each bound', () => {
  const distribution = new Distribution([0.1, 1, 10]);
  for (const value of [0, 0.1, 0.11, 1, 10, 11, 1000]) distribution.note(value);
  expect(distribution.cumulated).toEqual([2, 4, 5, 7]);
  expect(distribution.sum).toBeCloseTo(1022.21);
});

it('is written as a histogram, with labels that may hold anything', () => {
  const distribution = new Distribution([0.5]);
  distribution.note(0.25);
  distribution.note(2);
  const distributions = [['a"b\\c\nd', distribution] as const];
  expect(histogramText({ name: 'x_seconds', help: 'Help.', distributions })).toBe(
    [
      '# HELP x_seconds Help.',
      '# TYPE x_seconds histogram',
      String.raw`x_seconds_bucket{consumer="a\"b\\c\nd",le="0.5"} 1`,
      String.raw`x_seconds_bucket{consumer="a\"b\\c\nd",le="+Inf"} 2`,
      String.raw`x_seconds_sum{consumer="a\"b\\c\nd"} 2.25`,
      String.raw`x_seconds_count{consumer="a\"b\\c\nd"} 2`,
      '',
    ].join('\n'),
  );
});
