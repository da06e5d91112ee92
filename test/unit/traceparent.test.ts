import { expect, it } from 'vitest';
import { parseTraceparent } from '../../src/log/traceparent.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

it('is read as W3C Trace Context writes it', () => {
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual({
    traceId: TRACE,
    spanId: SPAN,
    flags: 1,
  });
  expect(parseTraceparent(`01-${TRACE}-${SPAN}-ff`)).toMatchObject({ flags: 255 });
});

it.each([
  '',
  'nonsense',
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-01-`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  ` 00-${TRACE}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01\n`,
  17,
  null,
  undefined,
])('is not %j', (text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});
