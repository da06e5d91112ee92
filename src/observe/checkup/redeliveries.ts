import { type Names, qualified, quoteLiteral } from '../../db/names.ts';
import { type Queryable, query } from '../../db/queryable.ts';
import { reading } from '../reading.ts';
import type { Finding, Patient } from './finding.ts';

const CHECK = 'redeliveries';
const NAMED_AT_MOST = 20;

interface Row {
  consumer: string;
  number: string | number;
  ids: number[];
}

/** Whether all that is to be handled again will be. */
export async function checkRedeliveries({ db }: Patient): Promise<readonly Finding[]> {
  const { pool, names } = db;
  return reading(
    pool,
    async (reader) => {
      const findings = [
        ...(await stuckKeys(reader, names)),
        ...(await withoutNotification(reader, names)),
        ...(await misplaced(reader, names)),
        ...(await withoutChannel(reader, names)),
      ];
      if (findings.length > 0) return findings;
      const [row] = await query<{ retries: string | number; dead: string | number }>(
        reader,
        `select count(*) filter (where state = 'retry') as retries,
                count(*) filter (where state = 'dead') as dead
         from ${qualified(names, 'redelivery')}`,
        [],
      );
      const what = `${row?.retries} retries, ${row?.dead} dead letters: each is of a notification in the log, on a channel of its consumer, and of every key the earliest retry is due.`;
      return [{ check: CHECK, severity: 'ok', what }];
    },
    { planFreely: true },
  );
}

/** Of the retries of a key the earliest must have a time at which it is due; one without a key, too. */
async function stuckKeys(db: Queryable, names: Names): Promise<Finding[]> {
  const redelivery = qualified(names, 'redelivery');
  const rows = await query<Row>(
    db,
    `select c.name as consumer, count(*) as number, (array_agg(head.id order by head.id))[1:$1] as ids
     from (
       select consumer_id, min(notification_id) as id
       from ${redelivery} where state = 'retry'
       group by consumer_id, coalesce(key, ''), case when key is null then notification_id end
       having min(due_at) = 'infinity'
     ) head
     join ${qualified(names, 'consumer')} c on c.id = head.consumer_id
     group by c.name`,
    [NAMED_AT_MOST],
  );
  return rows.map(({ consumer, number, ids }) => ({
    check: CHECK,
    severity: 'problem',
    what: `${consumer} has ${number} ${Number(number) === 1 ? 'key whose retries all wait' : 'keys whose retries all wait'} for each other, beginning with ${idsText(ids, number)}.`,
    why: 'Nothing would ever make them due, but the start of the consumer.',
    mend: [
      `update ${redelivery} set due_at = now() where ${these(names, ids, consumer)};`,
      steered(names, consumer),
    ],
  }));
}

/** Somebody has deleted it without clean-up, which asks. */
async function withoutNotification(db: Queryable, names: Names): Promise<Finding[]> {
  return problemsOf(
    db,
    names,
    `not exists (select from ${qualified(names, 'notification_log')} log where log.id = r.notification_id)`,
    {
      severity: 'warning',
      what: 'whose notification is not in the log any more',
      why: 'It was deleted with --include-unprocessed or --include-dead, or by hand. A due retry of it is forgotten by whoever runs the consumer.',
      mend: (ids, consumer) => [deleteOf(names, ids, consumer)],
    },
  );
}

/** Its partition or its key is not what the log and the consumer's split say. */
async function misplaced(db: Queryable, names: Names): Promise<Finding[]> {
  const partition = `${qualified(names, 'partition_of')}(log.key, log.id, c.partitions)`;
  return problemsOf(
    db,
    names,
    `exists (
       select from ${qualified(names, 'notification_log')} log
       where log.id = r.notification_id and c.closing_at is null
         and (r.partition <> ${partition} or r.key is distinct from log.key or r.channel <> log.channel))`,
    {
      severity: 'problem',
      what: 'that do not stand where their key belongs',
      why: 'Nobody looks for them there.',
      mend: (ids, consumer) => [
        `update ${qualified(names, 'redelivery')} r set partition = ${partition}, key = log.key, channel = log.channel from ${qualified(names, 'notification_log')} log, ${qualified(names, 'consumer')} c where log.id = r.notification_id and c.id = r.consumer_id and c.name = ${literal(consumer)} and r.notification_id in (${ids.join(', ')});`,
      ],
    },
  );
}

/**
 * A cursor that is missing, or was made anew and not claimed yet, says nothing of the consumer's
 * channels: what is to be retried there would be lost by this mend.
 */
async function withoutChannel(db: Queryable, names: Names): Promise<Finding[]> {
  return problemsOf(
    db,
    names,
    `r.state = 'retry' and exists (
       select from ${qualified(names, 'consumer_cursor')} p
       where p.consumer_id = r.consumer_id and p.partition = r.partition
         and p.channels <> '{}' and not (r.channel = any (p.channels)))`,
    {
      severity: 'problem',
      what: 'on a channel that it does not have',
      why: 'Its handlers would not expect them.',
      mend: (ids, consumer) => [deleteOf(names, ids, consumer)],
    },
  );
}

interface Kind {
  readonly severity: 'problem' | 'warning';
  readonly what: string;
  readonly why: string;
  readonly mend: (ids: readonly number[], consumer: string) => readonly string[];
}

async function problemsOf(
  db: Queryable,
  names: Names,
  condition: string,
  { severity, what, why, mend }: Kind,
): Promise<Finding[]> {
  const rows = await query<Row>(
    db,
    `select c.name as consumer, count(*) as number,
            (array_agg(r.notification_id order by r.notification_id))[1:$1] as ids
     from ${qualified(names, 'redelivery')} r
     join ${qualified(names, 'consumer')} c on c.id = r.consumer_id
     where r.state <> 'handled' and ${condition}
     group by c.name`,
    [NAMED_AT_MOST],
  );
  return rows.map(({ consumer, number, ids }) => ({
    check: CHECK,
    severity,
    what: `${consumer} has ${number} ${Number(number) === 1 ? 'redelivery' : 'redeliveries'} ${what}: ${idsText(ids, number)}.`,
    why,
    mend: mend(ids, consumer),
  }));
}

function deleteOf(names: Names, ids: readonly number[], consumer: string): string {
  return `delete from ${qualified(names, 'redelivery')} where ${these(names, ids, consumer)};`;
}

function these(names: Names, ids: readonly number[], consumer: string): string {
  const its = `(select id from ${qualified(names, 'consumer')} where name = ${literal(consumer)})`;
  return `consumer_id = ${its} and notification_id in (${ids.join(', ')})`;
}

/** A daemon remembers that there is nothing to be retried; so it looks again. */
function steered(names: Names, consumer: string): string {
  return `update ${qualified(names, 'consumer')} set steered = steered + 1 where name = ${literal(consumer)};`;
}

function literal(text: string): string {
  return quoteLiteral(text).trim();
}

function idsText(ids: readonly number[], number: string | number): string {
  const more = Number(number) - ids.length;
  return `${ids.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
