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

/** Whether a key is not to be shown. */
export function isKeyHidden(
  { idColumns, isLarge }: Pick<Summary, 'idColumns' | 'isLarge'>,
  redaction: Redaction,
): boolean {
  // Nobody has looked at what a large payload's key is made of.
  return isIdHidden(idColumns, redaction) || (isLarge && !redaction.isEmpty);
}

/** A captured change's key is made of its record's id, and that of columns, which may be redacted. */
function isIdHidden(columns: readonly string[], redaction: Redaction): boolean {
  return (
    redaction.hides(['id']) ||
    columns.some((column) =>
      ['id', 'new_data', 'old_data'].some((side) => redaction.hides([side, column])),
    )
  );
}

/** A key, or what stands for it; undefined: there is none. */
export function shownKey(
  of: Pick<Summary, 'key' | 'idColumns' | 'isLarge'>,
  redaction: Redaction,
): string | undefined {
  return of.key !== undefined && isKeyHidden(of, redaction) ? REDACTED : of.key;
}

export function shownSummary(summary: Summary, redaction: Redaction): ShownSummary {
  const { table, action, recordId, idColumns } = summary;
  const unless = (isMasked: boolean, value: string | undefined) =>
    value !== undefined && isMasked ? REDACTED : value;
  return {
    key: shownKey(summary, redaction),
    table: unless(redaction.hides(['table']), table),
    action: unless(redaction.hides(['action']), action),
    recordId: unless(isIdHidden(idColumns, redaction), recordId),
    isKeyHidden: isKeyHidden(summary, redaction),
  };
}
