import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createProject, type Project, printingConsumer } from '../support/project.ts';

let database: TestDatabase;
let project: Project;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  project = await createProject(
    {
      'pgwatch.config.ts': `
        import { defineConfig } from 'pgwatch';
        export default defineConfig({ consumers: 'consumers/**/*.ts', migrations: 'migrations' });
      `,
      'migrations/001_orders.ts': `
        import { createTriggerForTable } from 'pgwatch';
        export async function up(db) {
          await db.schema.createTable('orders').addColumn('id', 'integer', (c) => c.primaryKey()).execute();
          await createTriggerForTable(db, 'orders', { channel: 'order_events' });
        }
        export async function down(db) {
          await db.schema.dropTable('orders').execute();
        }
      `,
      'migrations/002_status.sql': 'alter table orders add column status text;',
      'migrations/002_status.down.sql': 'alter table orders drop column status;',
      'consumers/orders.ts': printingConsumer('orders', 'order_events'),
    },
    { DATABASE_URL: database.url },
  );
});

// In the order of a project's life: each test goes on where the one before it ended.
describe.sequential('the commands, from installing to cleaning up', () => {
  it('migrate --dry-run prints the SQL and changes nothing', async () => {
    const { code, stdout } = await project.run(['migrate', '--dry-run']);
    expect(stdout).toContain('create table "pgwatch".notification_log');
    expect(stdout).toContain('create table "orders" ("id" integer primary key)');
    expect(stdout).toContain('alter table orders add column status text;');
    expect(code).toBe(0);
    const { rows } = await database.query(`select from pg_namespace where nspname = 'pgwatch'`);
    expect(rows).toHaveLength(0);
  });

  it('migrate installs the schema, then runs the migrations of the project', async () => {
    const status = await project.run(['migrate', '--status']);
    expect(status.stdout).toMatch(/pgwatch +0001_tables +pending/);
    const { code, stdout } = await project.run(['migrate']);
    expect(stdout.trim().split('\n')).toEqual([
      'migrated  pgwatch  0001_tables',
      'migrated  pgwatch  0002_functions',
      'migrated  pgwatch  0003_capture',
      'migrated  pgwatch  0004_steering',
      'migrated  pgwatch  0005_traceparent',
      'migrated  project  001_orders',
      'migrated  project  002_status',
    ]);
    expect(code).toBe(0);
    expect((await project.run(['migrate'])).stdout).toContain('up to date');
  });

  it('migrate --down and --to move the migrations of the project', async () => {
    expect((await project.run(['migrate', '--down'])).stdout).toBe(
      'reverted  project  002_status\n',
    );
    expect((await project.run(['migrate', '--to', '002_status'])).stdout).toBe(
      'migrated  project  002_status\n',
    );
    const after = await project.run(['migrate', '--status']);
    expect(after.stdout).toMatch(/project +002_status +applied \d{4}-/);
  });

  it('migrate refuses a new migration that comes before one that was applied', async () => {
    await project.write({ 'migrations/000_early.sql': 'create table early ();' });
    const status = await project.run(['migrate', '--status']);
    expect(status.stdout).toMatch(/project +000_early +pending, out of order\n/);
    const { code, stderr } = await project.run(['migrate']);
    expect(stderr).toContain(
      'error[MIGRATION_OUT_OF_ORDER]: The migration "000_early" is new and comes before "002_status", which was applied.',
    );
    expect(stderr).toContain('→ Rename it so that it sorts last.');
    expect(code).toBe(2);
  });

  it('migrate --status shows what was applied and has no file any more; --down refuses', async () => {
    await rm(join(project.folder, 'migrations/002_status.sql'));
    await rm(join(project.folder, 'migrations/002_status.down.sql'));
    const { code, stdout } = await project.run(['migrate', '--status']);
    expect(stdout).toMatch(/project +001_orders +applied \S+\n/);
    expect(stdout).toMatch(/project +002_status +applied \S+, file missing\n/);
    expect(code).toBe(0);
    expect((await project.run(['migrate'])).stdout).toBe(
      'Nothing to migrate, but what was applied has no file any more: 002_status.\n',
    );
    const down = await project.run(['migrate', '--down']);
    expect(down.stderr).toContain(
      'error[MIGRATION_UNKNOWN]: The migration "002_status" was applied, and its file is not there any more.',
    );
    expect(down.stderr).toContain('→ Bring it back');
    expect(down.code).toBe(2);
  });

  it('notify sends what it is given, also from standard input, and prints the id', async () => {
    const plain = await project.run(['notify', 'order_events']);
    const piped = await project.run(['notify', 'order_events', '-', '--key', 'k'], {
      input: '{"big": 12345678901234567890, "text": "日本"}',
    });
    const { rows } = await database.query(
      'select id, key, payload::text from pgwatch.notification_log order by id',
    );
    expect(rows).toEqual([
      { id: plain.stdout.trim(), key: null, payload: '{}' },
      {
        id: piped.stdout.trim(),
        key: 'k',
        payload: '{"big": 12345678901234567890, "text": "日本"}',
      },
    ]);
  });

  it('notify refuses standard input that is not UTF-8, and sends nothing', async () => {
    const input = Buffer.from('{"name": "Zoë"}', 'latin1');
    const { code, stdout, stderr } = await project.run(['notify', 'order_events', '-'], { input });
    expect(stderr).toContain('error[PAYLOAD_INVALID]: The payload on standard input is not UTF-8.');
    expect(stdout).toBe('');
    expect(code).toBe(2);
    const { rows } = await database.query('select id from pgwatch.notification_log');
    expect(rows).toHaveLength(2);
  });

  it('listen --once handles captured changes and what was sent', async () => {
    await database.query(`insert into orders (id, status) values (7, 'new')`);
    const { stdout } = await project.run(['listen', '--once']);
    expect(stdout).toContain('"table": "orders"');
    expect(stdout).toContain('orders: 3 handled');
  });

  it('notify warns when nobody listens, with a suggestion', async () => {
    const { code, stderr } = await project.run(['notify', 'order_event']);
    expect(stderr).toContain('no known consumer listens on this channel');
    expect(stderr).toContain('Did you mean "order_events"?');
    expect(code).toBe(0);
  });

  it('cleanup deletes what is old and handled, keeps the rest and says for whom', async () => {
    await database.query(`select smart_notify('order_events', '"unhandled"')`);
    await database.query(
      `update pgwatch.notification_log set created_at = now() - interval '8 days'`,
    );
    await database.query(`select smart_notify('order_events', '"young"')`);
    const dry = await project.run(['cleanup', '--days=7', '--dry-run']);
    expect(dry.stdout).toContain('Would delete 4 notifications older than 7 days');
    const { code, stdout } = await project.run(['cleanup', '--days=7']);
    expect(stdout).toContain('Deleted 4 notifications older than 7 days');
    expect(stdout).toMatch(/order_events +3/);
    expect(stdout).toContain('Kept 1 notification of that age');
    expect(stdout).toMatch(/orders +unhandled +1/);
    expect(code).toBe(0);
    const all = await project.run(['cleanup', '--days', '7', '--include-unprocessed']);
    expect(all.stdout).toContain('Deleted 1 notification older');
    const { rows } = await database.query('select payload from pgwatch.notification_log');
    expect(rows).toEqual([{ payload: 'young' }]);
  });

  it('list-consumers lists what is found, as a table and as JSON', async () => {
    const table = await project.run(['list-consumers']);
    expect(table.stdout).toMatch(/orders +consumers +orders +consumers\/orders\.ts +order_events/);
    const json = await project.run(['listen', '--list-consumers', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      consumers: [{ id: 'orders', app: 'consumers', channels: ['order_events'] }],
      failures: [],
    });
  });
});
