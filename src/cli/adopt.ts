import { type AdoptedConsumer, adopt, type PendingFate } from '../admin/adoption.ts';
import { assertSchema } from '../db/schema-check.ts';
import { PgwatchError } from '../errors.ts';
import type { AdoptOptions, CommandContext } from './options.ts';
import { formatTable } from './output.ts';
import { withDatabase } from './with-database.ts';

/** Makes a copy of a database an installation of its own. */
export async function runAdopt(context: CommandContext, options: AdoptOptions): Promise<number> {
  const fate = fateOf(options);
  const adopted = await withDatabase(context, 'database', async (db) => {
    await assertSchema(db);
    return adopt(db, fate);
  });
  context.output.write(
    adopted === undefined
      ? 'Nothing to adopt: pgwatch was installed in this database, or it was adopted before.\n'
      : report(adopted, fate),
  );
  return 0;
}

function fateOf({ keepPending, skipPending }: AdoptOptions): PendingFate {
  if (keepPending !== skipPending) return keepPending ? 'keep' : 'skip';
  throw new PgwatchError('USAGE', {
    what: `pgwatch adopt needs exactly one of --keep-pending and --skip-pending, found ${keepPending ? 'both' : 'none'}.`,
    why: 'Only you know what the copy is for.',
    hint: 'With --keep-pending (this is production now, after a move or an upgrade) the consumers handle here what they had not handled there. With --skip-pending (a test or staging copy) they begin with what comes from now on, and everything before counts as skipped.',
  });
}

function report(adopted: readonly AdoptedConsumer[], fate: PendingFate): string {
  const done = 'Adopted: this database is an installation of its own now.\n';
  if (adopted.length === 0) return done;
  const head = ['CONSUMER', fate === 'keep' ? 'TO BE HANDLED' : 'SKIPPED'];
  return (
    done +
    formatTable(
      head,
      adopted.map(({ consumer, pending }) => [consumer, String(pending)]),
    )
  );
}
