import { connect } from 'node:net';
import pg from 'pg';
import { expect } from 'vitest';
import { isAlive, markProcess } from '../../src/db/embedded/process-mark.ts';
import { PgwatchError } from '../../src/errors.ts';

/** Answers the values of all rows, one after the other, over a connection of its own. */
export async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Waits for the condition; fails after half a minute. */
export async function untilTrue(condition: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(condition, { timeout: 30_000, interval: 20 }).toBe(true);
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(false));
    socket.once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}

/** Waits until the process has ended and nobody listens on its port. */
export async function untilGone(pid: number, port: number): Promise<void> {
  await untilTrue(() => !isAlive(markProcess(pid)));
  await untilTrue(() => isRefused(port));
}

/** The error that the action must end with. */
export async function failureOf(action: Promise<unknown>): Promise<PgwatchError> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof PgwatchError) return error;
  throw new Error('No PgwatchError was thrown.', { cause: error });
}

export function portOf(url: string): number {
  return Number(new URL(url).port);
}
