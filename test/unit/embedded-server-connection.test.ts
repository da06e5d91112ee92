import pg from 'pg';
import { expect, it } from 'vitest';
import { isTransient } from '../../src/db/embedded/server-connection.ts';

function databaseError(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('from the server', 15, 'error');
  error.code = code;
  return error;
}

it.each([
  ['nobody listens', Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), true],
  ['the server is starting or stopping', databaseError('57P03'), true],
  ['it is shut down while it answers', databaseError('57P01'), true],
  ['it crashes while it answers', databaseError('57P02'), true],
  ['it refuses the password', databaseError('28P01'), false],
])('whether it is worth trying again: %s', (_, error, worthIt) => {
  expect(isTransient(error)).toBe(worthIt);
});
