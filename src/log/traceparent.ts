/**
 * A place in a trace, as W3C Trace Context writes it: `version-trace id-span id-flags` in hexadecimal
 * digits. https://www.w3.org/TR/trace-context/#traceparent-header
 *
 * The same pattern stands in migrations/0005_traceparent.sql.
 */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?<traceId>(?!0{32})[0-9a-f]{32})-(?<spanId>(?!0{16})[0-9a-f]{16})-(?<flags>[0-9a-f]{2})$/;

export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  /** One byte: 1 is "sampled". */
  readonly flags: number;
}

/** Undefined: it is none. */
export function parseTraceparent(text: unknown): TraceParent | undefined {
  if (typeof text !== 'string') return undefined;
  const { traceId, spanId, flags } = TRACEPARENT.exec(text)?.groups ?? {};
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}
