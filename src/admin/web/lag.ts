import { formatSpan } from '../../format.ts';
import type { ConsumerStatus } from '../../observe/consumer-status.ts';
import { type Content, count, NONE } from './parts.ts';

/** How long the oldest pending notification of a consumer has waited, by the server's clock. */
export function lag({ pending, oldest, at }: ConsumerStatus): Content {
  if (pending === undefined) return count(undefined);
  return oldest === undefined ? NONE : formatSpan(at.getTime() - oldest.getTime());
}
