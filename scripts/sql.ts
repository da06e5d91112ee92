/**
 * Runs SQL on this project's embedded server, for machines without psql:
 *   npm run sql -- "insert into users (email) values ('ada@example.com')"
 */
import pg from 'pg';
import { openProjectServer } from '../src/db/embedded/project-server.ts';

const statement = process.argv.slice(2).join(' ');
if (statement === '') {
  process.stderr.write('What SQL? For example: npm run sql -- "select * from users"\n');
  process.exitCode = 2;
} else {
  const server = await openProjectServer({ root: process.cwd() });
  const client = new pg.Client(server.url);
  try {
    await client.connect();
    const { command, rowCount, rows } = await client.query(statement);
    if (rows.length > 0) console.table(rows);
    else process.stdout.write(`${command} ${rowCount ?? ''}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await client.end();
    await server.stop();
  }
}
