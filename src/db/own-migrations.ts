import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../package-root.ts';
import type { MigrationScript } from './migration-script.ts';
import { type Names, quoteIdentifier, quoteLiteral } from './names.ts';

/** pgwatch's own migrations, in order, with this installation's names filled in. */
export async function ownMigrations(names: Names): Promise<MigrationScript[]> {
  const folder = join(packageRoot(), 'migrations');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file) => ({
      name: file.slice(0, -'.sql'.length),
      up: { kind: 'sql', text: render(await readFile(join(folder, file), 'utf8'), names) },
      down: undefined,
    })),
  );
}

function render(text: string, names: Names): string {
  const values: Record<string, string> = {
    schema: quoteIdentifier(names.schema),
    schema_name: quoteLiteral(names.schema),
    functions_schema: quoteIdentifier(names.functionsSchema),
    lock_class: String(names.lockClass),
    doorbell_lock: String(names.doorbellLock),
    doorbell_channel: quoteLiteral(names.schema),
  };
  // In a comment, a name with a line break would end it. And the bodies of functions are quoted
  // with a tag of their own, because a name may contain $$.
  return text
    .replaceAll('$$', () => '$pgwatch_body$')
    .replace(/--.*|@([a-z_]+)@/g, (found, name?: string) => (name && values[name]) ?? found);
}
