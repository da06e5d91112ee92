import pgListen from 'pg-listen';
import { handlePayload } from './read-payload.ts';
import { ready } from './sink.ts';

// A CommonJS module whose function is one of its exports.
const subscriber = pgListen.default({ connectionString: process.env['DATABASE_URL'] });
subscriber.notifications.on('bench', handlePayload);
await subscriber.connect();
await subscriber.listenTo('bench');
ready();
