import pg from 'pg';
import { handlePayload } from './read-payload.ts';
import { ready } from './sink.ts';

// Handles one after the other, and acknowledges each as described: reads the row, appends to it.
const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
await client.connect();
let last = Promise.resolve();
client.on('notification', ({ payload }) => {
  const { notification_log_id: id, data } = JSON.parse(payload ?? '');
  last = last.then(async () => {
    handlePayload(data);
    const { rows } = await client.query('select processed_by from original_log where id = $1', [
      id,
    ]);
    await client.query('update original_log set processed_by = $2 where id = $1', [
      id,
      [...rows[0].processed_by, 'bench'],
    ]);
  });
});
await client.query('listen data_change');
ready();
