import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type pg from 'pg';
import type { ChaosConsumer } from './consumers.ts';

/** A handling that succeeded. In the order in which they were recorded, they are the history. */
export interface Handling {
  readonly id: number;
  /** Empty: none. */
  readonly key: string;
  readonly seq: number;
  readonly pid: number;
  /** As of Date.now(). */
  readonly at: number;
}

/** What a consumer has recorded, whichever way. */
export function readHandlings(
  consumer: ChaosConsumer,
  records: string,
  pool: pg.Pool,
): Promise<Handling[]> {
  switch (consumer.records) {
    case 'file':
      return readFile(join(records, consumer.id));
    case 'table':
      return readTable(consumer.id, pool);
  }
}

const RECORD = />(?<id>\d+)\t(?<key>[^\t>]*)\t(?<seq>\d+)\t(?<pid>\d+)\t(?<at>\d{13})$/;

async function readFile(path: string): Promise<Handling[]> {
  const handlings: Handling[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const handling = parseRecord(line);
    if (handling !== undefined) handlings.push(handling);
  }
  return handlings;
}

/** Undefined: a stump, left by a kill in the middle of the write. It was not handled, then. */
export function parseRecord(line: string): Handling | undefined {
  const found = RECORD.exec(line)?.groups;
  if (found === undefined) return undefined;
  return {
    id: Number(found['id']),
    key: found['key'] ?? '',
    seq: Number(found['seq']),
    pid: Number(found['pid']),
    at: Number(found['at']),
  };
}

async function readTable(consumer: string, pool: pg.Pool): Promise<Handling[]> {
  const { rows } = await pool.query<Handling>(
    `select notification_id::int as id, coalesce(key, '') as key, seq, pid, handled_at as at
     from chaos_effects where consumer = $1 order by position`,
    [consumer],
  );
  return rows;
}
