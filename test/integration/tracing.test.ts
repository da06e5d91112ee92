import { context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { defineConsumer } from '../../src/consumer/define-consumer.ts';
import { PermanentError } from '../../src/consumer/errors.ts';
import type { CallWatch } from '../../src/delivery/call-watch.ts';
import { smartNotify } from '../../src/log/append.ts';
import { openTracing } from '../../src/metrics/tracing.ts';
import { DeliveryFixture } from '../support/delivery-fixture.ts';

const fixture = new DeliveryFixture();
const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

afterAll(async () => {
  await provider.shutdown();
  trace.disable();
  context.disable();
});

async function open(onOtherApi = () => {}): Promise<CallWatch | undefined> {
  return openTracing({ version: '1.2.3', onOtherApi });
}

it('nothing is traced while nobody has registered an SDK', async () => {
  expect(await open()).toBeUndefined();
});

it('an SDK for another copy of the API is told of', async () => {
  const key = Symbol.for('opentelemetry.js.api.1');
  Reflect.set(globalThis, key, { version: '1.0.0', trace: {} });
  let told = 0;
  const watch = await open(() => {
    told += 1;
  });
  Reflect.deleteProperty(globalThis, key);
  expect(watch).toBeUndefined();
  expect(told).toBe(1);
});

describe('with an SDK', () => {
  beforeEach(() => {
    if (!(Symbol.for('opentelemetry.js.api.1') in globalThis)) provider.register();
    exporter.reset();
  });

  /** Handles what is there, and gives the spans. */
  async function drain(
    consumer: Parameters<DeliveryFixture['start']>[0][number],
  ): Promise<readonly ReadableSpan[]> {
    const watch = await open();
    if (watch === undefined) throw new Error('There is no tracing.');
    await fixture.start([consumer], { once: true, watch }).ended;
    return exporter.getFinishedSpans();
  }

  it('each notification has a span, linked to its writer, in which the handler runs', async () => {
    const id = fixture.name();
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    const number = await smartNotify(fixture.database.pool, id, 'traced', { traceparent });
    await fixture.notify('untraced');
    const active: (Span | undefined)[] = [];
    const spans = await drain(
      defineConsumer({
        id,
        channels: [id],
        async handle(notification) {
          active.push(trace.getActiveSpan());
          expect(notification.traceparent).toBe(
            notification.data === 'traced' ? traceparent : null,
          );
          await Promise.resolve();
          trace.getTracer('handler').startSpan('inner').end();
        },
      }),
    );
    const [inner, outer, , untraced] = spans;
    expect(spans.map(({ name }) => name)).toEqual([
      'inner',
      `process ${id}`,
      'inner',
      `process ${id}`,
    ]);
    expect(outer).toMatchObject({
      kind: SpanKind.CONSUMER,
      attributes: {
        'messaging.system': 'pgwatch',
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': id,
        'messaging.message.id': String(number),
        'messaging.consumer.group.name': id,
        'pgwatch.attempt': 1,
        'pgwatch.replay': true,
      },
      status: { code: SpanStatusCode.UNSET },
      parentSpanContext: undefined,
      links: [{ context: { traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true } }],
    });
    expect(active[0]?.spanContext()).toEqual(outer?.spanContext());
    expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
    expect(untraced?.links).toEqual([]);
    expect(untraced?.spanContext().traceId).not.toBe(outer?.spanContext().traceId);
  });

  it.each([
    [
      'throws at once',
      () => {
        throw new PermanentError('no such address');
      },
    ],
    [
      'rejects',
      async () => {
        throw new PermanentError('no such address');
      },
    ],
  ])('a handler that %s makes its span an error', async (_, handle) => {
    const id = fixture.name();
    await fixture.notify();
    const [span, ...others] = await drain(defineConsumer({ id, channels: [id], handle }));
    expect(others).toEqual([]);
    expect(span).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'no such address' },
      events: [{ name: 'exception', attributes: { 'exception.message': 'no such address' } }],
    });
    expect(span?.attributes['error.type']).toBe('PermanentError');
  });

  it('a batch has a span, and below it one for each notification, with its own result', async () => {
    const id = fixture.name();
    await fixture.notify(1);
    await fixture.notify(2);
    const spans = await drain(
      defineConsumer({
        id,
        channels: [id],
        handleBatch: async (notifications) =>
          Promise.allSettled(
            notifications.map(async ({ data }) => {
              if (data === 2) throw new PermanentError('bad');
            }),
          ),
      }),
    );
    const [first, second, whole] = spans;
    expect(spans).toHaveLength(3);
    expect(whole).toMatchObject({
      attributes: { 'messaging.batch.message_count': 2, 'messaging.destination.name': id },
      status: { code: SpanStatusCode.UNSET },
    });
    for (const span of [first, second]) {
      expect(span?.parentSpanContext?.spanId).toBe(whole?.spanContext().spanId);
    }
    expect(first?.status.code).toBe(SpanStatusCode.UNSET);
    expect(second?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'bad' });
  });

  it('what a handler of one notification returns says nothing of it', async () => {
    const id = fixture.name();
    await fixture.notify();
    const [span, ...others] = await drain(
      defineConsumer({
        id,
        channels: [id],
        handle: async () => Promise.allSettled([Promise.reject(new Error('does not matter'))]),
      }),
    );
    expect(others).toEqual([]);
    expect(span).toMatchObject({ status: { code: SpanStatusCode.UNSET }, events: [] });
  });

  it('a transactional handler runs in its span, too', async () => {
    const id = fixture.name();
    await fixture.notify();
    const spans = await drain(
      defineConsumer({
        id,
        channels: [id],
        transactional: true,
        async handle() {
          trace.getActiveSpan()?.setAttribute('seen', true);
        },
      }),
    );
    expect(spans.map(({ attributes }) => attributes['seen'])).toEqual([true]);
  });
});
