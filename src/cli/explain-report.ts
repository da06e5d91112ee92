import { shownOwner } from '../cursor/lease-owner.ts';
import { formatCount, formatNumber, formatSpan } from '../format.ts';
import { visible } from '../log-line.ts';
import type { ConsumerStory, PendingStory } from '../observe/consumer-story.ts';
import type { Explanation, PresentNotification } from '../observe/explanation.ts';
import type { PendingBefore } from '../observe/pending-before.ts';
import { shellWord } from '../shell-word.ts';
import { absenceText } from './absence-report.ts';
import { cutLine } from './output.ts';

/** The story for people. @param columns of the terminal; payload and errors are cut to fit */
export function explanationText(explanation: Explanation, columns: number): string {
  if (explanation.kind === 'absent') return absenceText(explanation);
  const lines = [
    ...headOf(explanation),
    ...explanation.consumers.flatMap((story) => ['', ...storyOf(story, explanation)]),
    ...othersOf(explanation),
  ];
  return lines.map((line) => `${cutIndented(visible(line), columns)}\n`).join('');
}

function cutIndented(line: string, columns: number): string {
  const indent = /^ */.exec(line)?.[0] ?? '';
  return `${indent}${cutLine(line.slice(indent.length), columns - indent.length)}`;
}

/** The story for programs: these keys stay. What is unknown is null or missing. */
export function explanationJson(explanation: Explanation) {
  if (explanation.kind === 'absent') {
    const { kind, ...absent } = explanation;
    return { inLog: false, ...absent };
  }
  const { at, record, committedAt, consumers, notFor, pendingBefore } = explanation;
  const { deliveries, json, ...notification } = record;
  return {
    inLog: true,
    at,
    ...notification,
    committedAt: committedAt ?? null,
    json: json ?? null,
    consumers: consumers.map((story) =>
      story.pending === undefined
        ? story
        : {
            ...story,
            pending: { ...story.pending, before: pendingBefore?.get(story.consumer) ?? null },
          },
    ),
    notFor,
  };
}

function headOf({ record, committedAt, consumers, at: now }: PresentNotification): string[] {
  const { id, channel, key, table, action, recordId, writtenAt, xid, json } = record;
  const change = [table, action, recordId].filter((part) => part !== undefined).join(' ');
  const about = table !== undefined && action !== undefined ? change : undefined;
  const commit = committedAt === undefined ? 'committed' : `committed ${timeOf(committedAt, now)}`;
  return [
    `Notification ${id} on the channel ${channel}${about === undefined ? '' : `: ${about}`}`,
    `  written ${timeOf(writtenAt, now)}, by transaction ${xid}; ${commit}, so everybody sees it`,
    key === undefined ? '  no key: it waits for no other' : `  key ${key}`,
    `  payload ${json ?? '(too large to be shown)'}`,
    ...(consumers.length === 0 ? ['  no consumer asked about has its channel'] : []),
  ];
}

function storyOf(story: ConsumerStory, about: PresentNotification): string[] {
  const { consumer, state, partition, partitions } = story;
  const part = partitions === 1 ? '' : ` (partition ${partition} of ${partitions})`;
  return [`${consumer}${part}: ${state}`, ...detailsOf(story, about).map((line) => `  ${line}`)];
}

function detailsOf(story: ConsumerStory, about: PresentNotification): string[] {
  const { state, consumer, error, since, attempts = 0 } = story;
  const { at: now } = about;
  switch (state) {
    case 'handled':
      return handledOf(story, now);
    case 'skipped':
      return ['it was there before the consumer began: `pgwatch replay` gives it all the same'];
    case 'dead':
      return [
        `given up after ${formatCount(attempts, 'attempt')}, ${since === undefined ? '' : timeOf(since, now)}`,
        ...(error === undefined ? [] : [`last error: ${error}`]),
        `\`pgwatch replay --consumer ${shellWord(consumer)} --id ${about.record.id}\` lets it be handled again`,
      ];
    case 'retrying':
      return [...retryOf(story, now), ...runnerOf(story, now)];
    case 'pending':
      return [
        ...pendingOf(story, about.pendingBefore?.get(consumer), now),
        ...runnerOf(story, now),
      ];
    default:
      return state satisfies never;
  }
}

/** A redelivery that is handled is kept until the stored cursor has passed it; of others nothing is. */
function handledOf(story: ConsumerStory, now: Date): string[] {
  const { storedAt, since, attempts, error } = story;
  const stored = `the cursor was last stored ${timeOf(storedAt, now)}`;
  if (attempts === undefined || since === undefined) {
    return [`the cursor has passed it, and nothing is noted of it; ${stored}`];
  }
  return [
    `noted as handled ${timeOf(since, now)}: its handler has returned, or it was discarded, and the stored cursor has not passed it yet; ${stored}`,
    ...(attempts === 0 ? [] : [`before that it had ${failedText(attempts)}`]),
    ...(error === undefined ? [] : [`last error: ${error}`]),
  ];
}

function failedText(attempts: number): string {
  return `failed ${attempts === 1 ? 'once' : `${formatNumber(attempts)} times`}`;
}

function retryOf(story: ConsumerStory, now: Date): string[] {
  const { attempts = 0, reason, dueAt, heldBy, waitsForKey, error } = story;
  const why =
    reason === 'replay'
      ? 'to be handled again on purpose (replay)'
      : attempts === 0
        ? 'set aside to be handled later'
        : failedText(attempts);
  const lines = [why];
  if (error !== undefined) lines.push(`last error: ${error}`);
  if (dueAt !== undefined) lines.push(dueText(dueAt, now));
  if (waitsForKey) lines.push(heldBy === undefined ? WAITS_FOR_NOTHING : holderText(story, now));
  return lines;
}

const WAITS_FOR_NOTHING =
  'it waits for its key, and nothing earlier of that key is to be handled: `pgwatch doctor` tells how to free it';

function dueText(dueAt: Date, now: Date): string {
  const milliseconds = dueAt.getTime() - now.getTime();
  return milliseconds > 0
    ? `due in ${formatSpan(milliseconds)}, ${dueAt.toISOString()}`
    : `due since ${dueAt.toISOString()}: it is being attempted, or is the next`;
}

function holderText({ heldBy }: ConsumerStory, now: Date): string {
  if (heldBy === undefined) return '';
  const { id, attempts, dueAt, error } = heldBy;
  const state =
    dueAt === undefined ? 'which waits itself' : `which is ${dueText(dueAt, now).split(',')[0]}`;
  const failed = attempts === 0 ? '' : `, has failed ${formatCount(attempts, 'time')}`;
  return `waits behind notification ${id} of the same key, ${state}${failed}${error === undefined ? '' : `: ${error}`}`;
}

function pendingOf(story: ConsumerStory, before: PendingBefore | undefined, now: Date): string[] {
  const { pending, heldBy } = story;
  if (pending === undefined) return [];
  const lines = [...beforeOf(pending, before)];
  if (heldBy !== undefined) lines.push(`taken up, it ${holderText(story, now)}`);
  if (pending.wasRunning) {
    lines.push(
      'its transaction was still running when the consumer last looked: it has committed since, and newer ones went on without it',
    );
  }
  return lines;
}

function beforeOf(
  { windowAt, inWindow }: PendingStory,
  before: PendingBefore | undefined,
): string[] {
  const count =
    before === undefined
      ? 'how many come before it could not be counted in time'
      : `${formatNumber(before.count)}${before.atLeast ? '+' : ''} pending ${before.count === 1 ? 'notification comes' : 'notifications come'} before it`;
  if (windowAt === undefined) {
    return [
      before?.earliestId === undefined ? count : `${count}, the earliest is ${before.earliestId}`,
    ];
  }
  const where = inWindow ? 'it lies in that playback' : 'it comes after that playback';
  return [`${count}: the consumer plays back, has come to id ${windowAt}, and ${where}`];
}

function runnerOf(story: ConsumerStory, now: Date): string[] {
  const { consumer, pausedAt, owner, ownerIsLost, leaseUntil } = story;
  if (pausedAt !== undefined) {
    return [
      `the consumer is paused since ${timeOf(pausedAt, now)}: \`pgwatch resume ${shellWord(consumer)}\` lets it go on`,
    ];
  }
  if (owner !== undefined) return [`run by ${shownOwner(owner)}`];
  if (ownerIsLost && leaseUntil !== undefined) {
    return [
      `nobody runs it: whoever did has not renewed its lease, which ran out ${timeOf(leaseUntil, now)}. Start \`pgwatch listen\``,
    ];
  }
  return ['nobody runs it: start `pgwatch listen`'];
}

function othersOf({ record, notFor }: PresentNotification): string[] {
  if (notFor.length === 0) return [];
  return [
    '',
    ...notFor.map(
      ({ consumer, channels }) =>
        `${consumer}: not for it, it has not the channel ${record.channel}, but ${channels.join(', ')}`,
    ),
  ];
}

function timeOf(time: Date, now: Date): string {
  const ago = now.getTime() - time.getTime();
  return ago < 0 ? time.toISOString() : `${time.toISOString()}, ${formatSpan(ago)} ago`;
}
