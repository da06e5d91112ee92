import { expect, it } from 'vitest';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import { suspectsOf } from '../../src/consumer/suspects.ts';
import { StrayErrors } from '../../src/lifecycle/stray-errors.ts';

it('what nobody catches goes to whoever took over last, and then back', () => {
  const stray = new StrayErrors(() => 1);
  const giveBack = stray.takeOver((error) => (error === 'bad' ? 3 : undefined));
  expect(stray.handle('bad', 'uncaughtException')).toBe(3);
  expect(stray.handle('not so bad', 'unhandledRejection')).toBeUndefined();
  giveBack();
  expect(stray.handle('bad', 'uncaughtException')).toBe(1);
});

const discovered = ['a', 'b'].map((id) => ({
  consumer: defineConsumer({ id, handle() {} }),
  app: 'shop',
  file: `consumers/${id}.ts`,
  name: id,
}));

function errorAt(...files: string[]): Error {
  const error = new Error('boom');
  error.stack = ['Error: boom', ...files.map((file) => `    at f (${file}:1:2)`)].join('\n');
  return error;
}

it.each([
  ['the file is the first of the stack', errorAt('/p/consumers/a.ts'), ['a']],
  ['the file stands deeper', errorAt('/p/src/mail.ts', 'file:///p/consumers/b.ts'), ['b']],
  ['two are on it', errorAt('/p/consumers/b.ts', '/p/consumers/a.ts'), ['a', 'b']],
  ['none is', errorAt('/p/src/mail.ts', '/q/consumers/a.ts'), []],
  ['it is no error', 'boom', []],
  ['it has no stack', Object.assign(new Error('boom'), { stack: undefined }), []],
])('suspected of an error are the consumers in its stack: %s', (_, error, ids) => {
  expect(suspectsOf(error, discovered, '/p')).toEqual(ids);
});
