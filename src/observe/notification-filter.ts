import { type Names, qualified } from '../db/names.ts';
import { PgwatchError } from '../errors.ts';

/** Which notifications of the log are meant: those for which all that is given holds. */
export interface NotificationFilter {
  readonly ids?: readonly number[] | undefined;
  readonly channels?: readonly string[] | undefined;
  /** Written at this time or later, by the server's clock. */
  readonly since?: Date | undefined;
  /** Written before this time. */
  readonly until?: Date | undefined;
  readonly key?: string | undefined;
  /** Fields of the payload and the text that each must have; `null` is also the null of JSON. */
  readonly where?: readonly FieldCondition[] | undefined;
}

/** A field of the payload, by the names that lead to it, and the text that it is to have. */
export interface FieldCondition {
  readonly path: readonly string[];
  readonly value: string;
}

/** Takes the values of a statement's parameters and gives their placeholders. */
export class Parameters {
  readonly values: unknown[] = [];

  /** @param type cast to this type */
  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

/** The filter as conditions on the table `log`; none where everything is meant. */
export function conditionsOf(filter: NotificationFilter, parameters: Parameters): string[] {
  const { ids, channels, since, until, key, where = [] } = filter;
  return [
    ...(ids === undefined ? [] : [`log.id = any (${parameters.add(ids, 'bigint[]')})`]),
    ...channelCondition(channels, parameters),
    ...(since === undefined ? [] : [`log.created_at >= ${parameters.add(since, 'timestamptz')}`]),
    ...(until === undefined ? [] : [`log.created_at < ${parameters.add(until, 'timestamptz')}`]),
    ...(key === undefined ? [] : [keyCondition(parameters.add(key, 'text'))]),
    ...where.map((condition) => fieldCondition(condition, parameters)),
  ];
}

function fieldCondition({ path, value }: FieldCondition, parameters: Parameters): string {
  const field = parameters.add(path, 'text[]');
  const hasText = `log.payload #>> ${field} = ${parameters.add(value, 'text')}`;
  // The null of JSON has no text.
  return value === 'null' ? `(${hasText} or log.payload #> ${field} = jsonb 'null')` : hasText;
}

/** Of one channel, rows come out of the index (channel, id) in the order of their ids; of several, not. */
function channelCondition(
  channels: readonly string[] | undefined,
  parameters: Parameters,
): string[] {
  if (channels === undefined) return [];
  const [only] = channels;
  return only !== undefined && channels.length === 1
    ? [`log.channel = ${parameters.add(only, 'text')} collate "C"`]
    : [`log.channel = any (${parameters.add(channels, 'text[]')} collate "C")`];
}

/**
 * Written so that the index of keyIndexStatement() serves it, where somebody has made it. The log has
 * no index over keys of its own: each would cost all writers.
 */
function keyCondition(key: string): string {
  return `log.key = ${key} and md5(log.key) = md5(${key})`;
}

/** What makes looking for a key quick in a large log. A key may be too long for an index; its md5 not. */
export function keyIndexStatement(names: Names): string {
  return `create index concurrently on ${qualified(names, 'notification_log')} (md5(key), id)`;
}

/**
 * A condition as typed: `table=users`, `new_data.status=paid`. The name is the way to a field of the
 * payload, its parts parted by dots.
 * @throws USAGE
 */
export function parseCondition(text: string): FieldCondition {
  const at = text.indexOf('=');
  const path = text.slice(0, Math.max(0, at)).trim();
  if (at < 1 || path === '') {
    throw new PgwatchError('USAGE', {
      what: `The condition ${JSON.stringify(text)} is not of the form field=value.`,
      hint: "Name a field of the payload and the text it must have, as in --where table=users or --where 'new_data.status=paid'.",
    });
  }
  return { path: path.split('.'), value: text.slice(at + 1) };
}
