import type { LogRow } from '../log/log-row.ts';
import { clockTime, visible } from '../log-line.ts';
import { parseJson } from '../parse-json.ts';
import { cutLine } from './output.ts';

/** A notification as one line for people, cut to the terminal's width. */
export function notificationLine(row: LogRow, columns: number): string {
  const { id, channel, key, json, writtenAt } = row;
  const parts = [clockTime(new Date(writtenAt).toISOString()), String(id), channel];
  const change = changeOf(json);
  if (change !== undefined) parts.push(change);
  else if (key !== null) parts.push(`key=${key}`);
  parts.push(json === null ? '(a payload too large to be shown)' : json);
  return `${cutLine(visible(parts.join('  ')), columns)}\n`;
}

/** It as one line of JSON, with every digit of the payload. `data` is missing where it is too large. */
export function notificationJson({ id, channel, key, json, writtenAt }: LogRow): string {
  const timestamp = new Date(writtenAt).toISOString();
  const head = JSON.stringify({ notificationLogId: id, channel, key, timestamp });
  return json === null ? `${head}\n` : `${head.slice(0, -1)},"data":${json}}\n`;
}

/** More than this is not parsed only to name a table. */
const PARSED_AT_MOST = 100_000;

/** `users UPDATE 7`, of a captured change. */
function changeOf(json: string | null): string | undefined {
  // Most payloads are none.
  if (json === null || json.length > PARSED_AT_MOST || !json.includes('"action"')) return undefined;
  const data: unknown = parseJson(json);
  if (typeof data !== 'object' || data === null) return undefined;
  const [table, action, id] = ['table', 'action', 'id'].map((name) => Reflect.get(data, name));
  if (typeof table !== 'string' || typeof action !== 'string') return undefined;
  const isPlain = ['string', 'number', 'bigint'].includes(typeof id);
  return [table, action, ...(isPlain ? [String(id)] : [])].join(' ');
}
