import type { Attributes, Link, Span } from '@opentelemetry/api';
import type { CallWatch, HandlerCall } from '../delivery/call-watch.ts';
import type { Notification } from '../log/notification.ts';
import { parseTraceparent } from '../log/traceparent.ts';

type Api = typeof import('@opentelemetry/api');

export interface TracingOptions {
  readonly version: string;
  /** There is an SDK, but for another copy of @opentelemetry/api; nothing is traced. */
  readonly onOtherApi: () => void;
}

/**
 * Makes a span of each notification that a handler is called for, in which the handler runs.
 * @returns undefined when nobody in this process has registered an SDK of OpenTelemetry
 */
export async function openTracing(options: TracingOptions): Promise<CallWatch | undefined> {
  const registered = registeredTrace();
  if (registered === undefined) return undefined;
  const api = await import('@opentelemetry/api');
  // A newer copy of the API than the SDK's does not see it, and says nothing.
  if (api.trace.getTracerProvider() !== registered) {
    options.onOtherApi();
    return undefined;
  }
  return new Tracing(api, options.version).watch;
}

/**
 * Where all copies of the API leave what an SDK has registered. Looked at before the API is loaded,
 * which takes its time.
 */
function registeredTrace(): unknown {
  const all: unknown = Reflect.get(globalThis, Symbol.for('opentelemetry.js.api.1'));
  return typeof all === 'object' && all !== null ? Reflect.get(all, 'trace') : undefined;
}

/**
 * Attributes and names: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 *
 * handle       One span for each call, in which the handler runs.
 * handleBatch  One span for the call, in which the handler runs, and below it one for each
 *              notification.
 *
 * Each span of a notification is linked to its writer's span, not below it: it comes later, perhaps
 * days, and more than once. A call begins a trace of its own.
 */
class Tracing {
  readonly #api: Api;
  readonly #tracer: ReturnType<Api['trace']['getTracer']>;

  constructor(api: Api, version: string) {
    this.#api = api;
    this.#tracer = api.trace.getTracer('pgwatch', version);
  }

  readonly watch: CallWatch = (call, make) => {
    const { context, trace, ROOT_CONTEXT } = this.#api;
    const { notifications, isBatch } = call;
    const whole = isBatch ? this.#begin(call.consumer, batchAttributes(call), []) : undefined;
    const parent = whole === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, whole);
    const spans = notifications.map((notification) =>
      this.#begin(
        notification.channel,
        attributesOf(call, notification),
        this.#linksOf(notification),
        parent,
      ),
    );
    const active = whole ?? spans[0];
    const all = whole === undefined ? spans : [...spans, whole];
    const onReturn = (returned: unknown) => this.#end(all, isBatch ? resultsOf(returned) : []);
    const onThrow = (error: unknown) =>
      this.#end(
        all,
        all.map(() => ({ status: 'rejected', reason: error })),
      );
    try {
      const within = active === undefined ? parent : trace.setSpan(ROOT_CONTEXT, active);
      const returned = context.with(within, make);
      if (returned instanceof Promise) returned.then(onReturn, onThrow);
      else onReturn(returned);
      return returned;
    } catch (error) {
      onThrow(error);
      throw error;
    }
  };

  #begin(
    subject: string,
    attributes: Attributes,
    links: Link[],
    parent = this.#api.ROOT_CONTEXT,
  ): Span {
    const options = { kind: this.#api.SpanKind.CONSUMER, attributes, links };
    return this.#tracer.startSpan(`process ${subject}`, options, parent);
  }

  #linksOf({ traceparent }: Notification): Link[] {
    const writer = parseTraceparent(traceparent);
    if (writer === undefined) return [];
    const { traceId, spanId, flags: traceFlags } = writer;
    return [{ context: { traceId, spanId, traceFlags, isRemote: true } }];
  }

  #end(spans: readonly Span[], results: readonly PromiseSettledResult<unknown>[]): void {
    spans.forEach((span, index) => {
      const result = results[index];
      if (result?.status === 'rejected') this.#fail(span, result.reason);
      span.end();
    });
  }

  #fail(span: Span, reason: unknown): void {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    span.recordException(error);
    span.setAttribute('error.type', error.name);
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: error.message });
  }
}

const SYSTEM = {
  'messaging.system': 'pgwatch',
  'messaging.operation.name': 'process',
  'messaging.operation.type': 'process',
};

function attributesOf({ consumer }: HandlerCall, notification: Notification): Attributes {
  const { channel, notificationLogId, attempt, isReplay } = notification;
  return {
    ...SYSTEM,
    'messaging.destination.name': channel,
    'messaging.message.id': String(notificationLogId),
    'messaging.consumer.group.name': consumer,
    'pgwatch.attempt': attempt,
    'pgwatch.replay': isReplay,
  };
}

function batchAttributes({ consumer, notifications }: HandlerCall): Attributes {
  const channels = new Set(notifications.map(({ channel }) => channel));
  const [channel] = channels;
  return {
    ...SYSTEM,
    ...(channels.size === 1 ? { 'messaging.destination.name': channel } : {}),
    'messaging.consumer.group.name': consumer,
    'messaging.batch.message_count': notifications.length,
  };
}

/** What a batch handler says of each, as of Promise.allSettled(). */
function resultsOf(returned: unknown): readonly PromiseSettledResult<unknown>[] {
  if (!Array.isArray(returned)) return [];
  return returned.map((result: unknown) =>
    isRejected(result) ? result : { status: 'fulfilled', value: undefined },
  );
}

function isRejected(result: unknown): result is PromiseRejectedResult {
  return (
    typeof result === 'object' &&
    result !== null &&
    'status' in result &&
    result.status === 'rejected'
  );
}
