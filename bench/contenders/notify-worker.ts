import pg from 'pg';
import { handlePayload } from './read-payload.ts';
import { ready } from './sink.ts';

const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
await client.connect();
client.on('notification', ({ payload }) => handlePayload(JSON.parse(payload ?? '')));
await client.query('listen bench');
ready();
