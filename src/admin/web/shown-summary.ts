import type { NotificationSummary } from '../../observe/notification-record.ts';
import { REDACTED, type Redaction } from './redaction.ts';

type Summary = Omit<NotificationSummary, 'deliveries'>;

/** What of a notification lists may show. */
export interface ShownSummary {
  readonly key: string | undefined;
  readonly table: string | undefined;
  readonly action: string | undefined;
  readonly recordId: string | undefined;
  /** The key, or what it is made of, is not shown; nor may it be found by them. */
  readonly isKeyHidden: boolean;
}

/** A captured change's key is made of its record's id, and that of columns, which may be redacted. */
export function shownSummary(
  { key, table, action, recordId, idColumns, isLarge }: Summary,
  redaction: Redaction,
): ShownSummary {
  const isIdHidden =
    redaction.hides(['id']) ||
    idColumns.some((column) =>
      ['id', 'new_data', 'old_data'].some((side) => redaction.hides([side, column])),
    );
  // Nobody has looked at what a large payload's key is made of.
  const isKeyHidden = isIdHidden || (isLarge && !redaction.isEmpty);
  const unless = (isHidden: boolean, value: string | undefined) =>
    value !== undefined && isHidden ? REDACTED : value;
  return {
    key: unless(isKeyHidden, key),
    table: unless(redaction.hides(['table']), table),
    action: unless(redaction.hides(['action']), action),
    recordId: unless(isIdHidden, recordId),
    isKeyHidden,
  };
}
