import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { logDeliveryEvents } from '../../src/delivery/log-events.ts';
import { OutageLog } from '../../src/lifecycle/outage-log.ts';
import { createLogger } from '../../src/logger.ts';
import { logListenerEvents } from '../../src/wake/log-events.ts';

function logging() {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      const { level, msg } = JSON.parse(String(chunk));
      lines.push(`${level} ${msg}`);
      done();
    },
  });
  const logger = createLogger({ level: 'info', format: 'json', destination, colours: false });
  const outage = new OutageLog(logger);
  return {
    lines,
    delivery: logDeliveryEvents(logger, outage),
    wake: logListenerEvents(logger, outage),
  };
}

const LOST = 'warn database connection lost, trying again';
const BACK = 'info database connection back';
const consumers = Array.from({ length: 50 }, (_, n) => `consumer_${n}`);
const error = new Error('the server is away');

test('an outage that everybody notices is one line at its begin and one at its end', () => {
  const { lines, delivery, wake } = logging();
  wake({ type: 'listening' });
  wake({ type: 'listen-lost', error });
  for (const consumer of consumers) {
    delivery({ type: 'database-lost', consumer, error });
    delivery({ type: 'database-lost', consumer, operation: 'store-cursor', error });
  }
  for (const consumer of consumers) {
    delivery({ type: 'database-back', consumer });
    delivery({ type: 'database-back', consumer, operation: 'store-cursor' });
  }
  wake({ type: 'listening' });
  expect(lines).toEqual(['info listening', LOST, BACK]);
});

test('it lasts until the last one is back', () => {
  const { lines, delivery } = logging();
  for (const consumer of consumers) delivery({ type: 'database-lost', consumer, error });
  for (const consumer of consumers.slice(1)) delivery({ type: 'database-back', consumer });
  expect(lines).toEqual([LOST]);
  delivery({ type: 'database-back', consumer: 'consumer_0' });
  expect(lines).toEqual([LOST, BACK]);
});

test.each(['released', 'fenced'] as const)('it is over for a partition that is %s', (type) => {
  const { lines, delivery } = logging();
  const who = { consumer: 'a', partition: 1 };
  delivery({ type: 'database-lost', ...who, operation: 'store-cursor', error });
  delivery({ type, ...who });
  expect(lines.slice(0, 2)).toEqual([LOST, BACK]);
});

test('each outage is told of', () => {
  const { lines, wake } = logging();
  for (const type of ['poll-lost', 'listen-lost'] as const) {
    wake({ type, error });
    wake({ type: 'polling', pollSeconds: 1 });
  }
  expect(lines.filter((line) => line === LOST)).toHaveLength(2);
  expect(lines.filter((line) => line === BACK)).toHaveLength(2);
});

test('that the next session hears nothing is told, too: the outage itself does not show it', () => {
  const { lines, wake } = logging();
  wake({ type: 'listen-lost', error });
  wake({ type: 'listen-unheard', error });
  wake({ type: 'listening' });
  expect(lines).toEqual([
    LOST,
    'warn LISTEN hears nothing of what is notified, trying again',
    'info listening',
    BACK,
  ]);
});
