import type { InstalledDatabase } from './installed-database.ts';

/**
 * Copies what pgwatch's tables hold from one database into another one, as restoring a dump does:
 * table by table in the order of their names, transaction ids and snapshots as they are. For machines
 * without pg_dump.
 */
export async function copyInstallation(
  from: InstalledDatabase,
  to: InstalledDatabase,
): Promise<void> {
  const { rows: tables } = await from.query<{ name: string; columns: string }>(
    `select c.oid::regclass::text as name,
            string_agg(quote_ident(attname), ', ' order by attnum) as columns
     from pg_class c join pg_attribute on attrelid = c.oid and attnum > 0 and not attisdropped
     where relnamespace = 'pgwatch'::regnamespace and relkind = 'r'
     group by c.oid order by 1`,
  );
  for (const { name } of [...tables].reverse()) await to.query(`delete from ${name}`);
  for (const { name, columns } of tables) {
    const { rows } = await from.query<{ content: string }>(
      `select coalesce(json_agg(t), '[]')::text as content from ${name} t`,
    );
    await to.query(
      `insert into ${name} (${columns}) overriding system value
       select ${columns} from json_populate_recordset(null::${name}, $1)`,
      [rows[0]?.content],
    );
  }
  const { rows: sequences } = await from.query<{ name: string; last_value: string }>(
    `select format('%I.%I', schemaname, sequencename) as name, last_value
     from pg_sequences where schemaname = 'pgwatch' and last_value is not null`,
  );
  for (const { name, last_value } of sequences) {
    await to.query('select setval($1::regclass, $2)', [name, last_value]);
  }
}
