import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Random } from './random.ts';
import { ACCOUNTS, EVENT_KEYS, HOT_ITEMS } from './tables.ts';

/** What a transaction is written with. */
export interface Transaction {
  readonly random: Random;
  /** Runs a statement of which each affected row is a notification. */
  write(sql: string, values?: readonly unknown[]): Promise<pg.QueryResult>;
  /** Runs any other statement. */
  run(sql: string): Promise<unknown>;
}

/** A kind of transaction that writers write. */
export interface TransactionKind {
  readonly name: string;
  /** How many writers write it, each over a connection of its own. */
  readonly writers: number;
  /** Which share of all notifications one of them writes, about. */
  readonly share: number;
  /** The chance that it is rolled back at its end. */
  readonly rollsBack: number;
  write(transaction: Transaction): Promise<void>;
}

export const TRANSACTION_KINDS: readonly TransactionKind[] = [
  { name: 'single rows', writers: 2, share: 0.05, rollsBack: 0, write: changeSingleRow },
  { name: 'bulk', writers: 2, share: 0.33, rollsBack: 0, write: changeInBulk },
  { name: 'savepoints', writers: 1, share: 0.02, rollsBack: 0.1, write: useSavepoints },
  { name: 'long', writers: 2, share: 0.02, rollsBack: 0.2, write: stayOpen },
  { name: 'rollbacks', writers: 1, share: 0.04, rollsBack: 1, write: changeInBulk },
  { name: 'events', writers: 2, share: 0.05, rollsBack: 0.05, write: sendEvents },
  { name: 'accounts', writers: 1, share: 0.01, rollsBack: 0.1, write: changeAccounts },
];

async function changeSingleRow(transaction: Transaction): Promise<void> {
  const { random } = transaction;
  const dice = random.next();
  if (dice < 0.6) await updateHotItem(transaction);
  else if (dice < 0.75) await insertItem(transaction);
  else if (dice < 0.9) await deleteColdItem(transaction);
  else await replaceHotItem(transaction);
}

async function updateHotItem({ random, write }: Transaction): Promise<void> {
  await write('update items set seq = seq + 1, note = md5(random()::text) where id = $1', [
    random.integer(1, HOT_ITEMS),
  ]);
}

async function insertItem({ write }: Transaction): Promise<void> {
  await write('insert into items (seq, note) values (1, md5(random()::text))');
}

async function deleteColdItem({ write }: Transaction): Promise<void> {
  await write(
    `delete from items where id = (
       select id from items where id > ${HOT_ITEMS} order by id limit 1 for update skip locked)`,
  );
}

/** The same primary key comes back, its sequence goes on. */
async function replaceHotItem({ random, write }: Transaction): Promise<void> {
  const id = random.integer(1, HOT_ITEMS);
  const { rows } = await write('delete from items where id = $1 returning seq', [id]);
  const [deleted] = rows;
  if (deleted === undefined) return;
  await write('insert into items (id, seq) values ($1, $2)', [id, Number(deleted['seq']) + 2]);
}

async function changeInBulk({ random, write }: Transaction): Promise<void> {
  const count = random.integer(100, 600);
  const dice = random.next();
  if (dice < 0.5) {
    await write(
      'insert into bulk_rows (seq, note) select 1, md5(n::text) from generate_series(1, $1) n',
      [count],
    );
  } else {
    const statement =
      dice < 0.8 ? 'update bulk_rows set seq = seq + 1 where' : 'delete from bulk_rows where';
    const order = dice < 0.8 ? 'desc' : 'asc';
    await write(
      `${statement} id in (
         select id from bulk_rows order by id ${order} limit $1 for update skip locked)`,
      [count],
    );
  }
}

/** What a savepoint takes back has had ids and sequence numbers; the latter come again. */
async function useSavepoints(transaction: Transaction): Promise<void> {
  const { random, run } = transaction;
  await updateHotItem(transaction);
  for (let depth = random.integer(1, 4); depth > 0; depth -= 1) {
    await run('savepoint middle');
    await updateHotItem(transaction);
    await sendEvent(transaction);
    if (random.chance(0.5)) await run('rollback to savepoint middle');
    else await run('release savepoint middle');
    await insertItem(transaction);
  }
}

/** Takes its transaction id early and writes late, while others come and go. */
async function stayOpen(transaction: Transaction): Promise<void> {
  const { random } = transaction;
  await insertItem(transaction);
  for (let steps = random.integer(2, 5); steps > 0; steps -= 1) {
    await delay(random.integer(200, 1_500));
    if (random.chance(0.3)) await sendEvent(transaction);
    await insertItem(transaction);
    await updateHotItem(transaction);
  }
}

async function sendEvents(transaction: Transaction): Promise<void> {
  const { random, write } = transaction;
  if (random.chance(0.2)) {
    await write(
      "select smart_notify('events', jsonb_build_object('seq', 0)) from generate_series(1, $1)",
      [random.integer(2, 100)],
    );
  }
  for (let count = random.integer(1, 4); count > 0; count -= 1) await sendEvent(transaction);
}

/** The key's row is locked before the id is taken, as with a captured change. */
async function sendEvent({ random, write }: Transaction): Promise<void> {
  if (random.chance(0.3)) {
    await write(`select smart_notify('events', '{"seq": 0}')`);
    return;
  }
  await write(
    `with counted as (update event_keys set seq = seq + 1 where key = $1 returning key, seq)
     select smart_notify('events', jsonb_build_object('seq', seq), key => key) from counted`,
    [`event ${random.integer(1, EVENT_KEYS)}`],
  );
}

async function changeAccounts({ random, write }: Transaction): Promise<void> {
  for (let count = random.integer(1, 3); count > 0; count -= 1) {
    await write('update accounts set seq = seq + 1 where id = $1', [random.integer(1, ACCOUNTS)]);
  }
}
