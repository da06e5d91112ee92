import { html } from 'hono/html';
import { reading } from '../../../observe/reading.ts';
import {
  type ErrorGroup,
  findDeadLetters,
  groupErrors,
  type Redelivery,
} from '../../../observe/redeliveries.ts';
import { serversNow } from '../../../observe/time.ts';
import { chosenFilter, isByKey } from '../chosen.ts';
import { consumerPath } from '../consumer-path.ts';
import { type DeadLetterChoice, deadLetterChoice, fieldsOf } from '../dead-letter-choice.ts';
import { hidden, input } from '../forms.ts';
import { ago, type Content, count, type Html, live, NONE, section, table } from '../parts.ts';
import { reviewLinks } from '../review-links.ts';
import type { Route } from '../route.ts';
import { SELECT_ALL, SELECT_COLUMN, selectBox } from '../select-box.ts';
import { isKeyHidden, shownKey } from '../shown-summary.ts';
import { visible, visibleStart } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const deadLettersRoutes: readonly Route[] = [
  { method: 'get', path: '/dead-letters', handle: showDeadLetters },
];

const ON_A_PAGE = 50;
const LONGEST_KEY = 80;

async function showDeadLetters(visit: Visit): Promise<Response> {
  const { db } = visit.site;
  const choice = deadLetterChoice(visit.query);
  const { consumer } = choice;
  const { errors, now } = await reading(db.pool, async (reader) => ({
    errors: await groupErrors(reader, db.names, consumer),
    now: await serversNow(reader),
  }));
  const groups = errors.filter(({ state }) => state === 'dead');
  return visit.page({
    title: 'Dead letters',
    ...(consumer === undefined
      ? {}
      : { parent: { title: 'All consumers', href: visit.url('/dead-letters') } }),
    content: html`${live(
      'groups',
      section(
        'By consumer and error',
        groupTable(visit, groups, choice, now),
        'alike but for their numbers',
      ),
    )}
    ${consumer === undefined ? '' : await lettersOf(visit, { ...choice, consumer })}`,
  });
}

function groupTable(
  visit: Visit,
  groups: readonly ErrorGroup[],
  choice: DeadLetterChoice,
  now: Date,
): Html {
  return table({
    caption: 'Dead letters by consumer and error, the most frequent first',
    columns: [
      { title: 'Error' },
      { title: 'Consumer' },
      { title: 'Count', numeric: true },
      { title: 'Oldest', numeric: true },
      { title: 'Newest', numeric: true },
    ],
    rows: groups.map(({ consumer, error, count: number, atLeast, oldest, newest }) => [
      html`<a
        class="error"
        href="${visit.url('/dead-letters', { consumer, error })}"
        ${choice.error === error ? html`aria-current="true"` : ''}
        ><bdi>${visible(error) || 'no error is known'}</bdi></a
      >`,
      html`<a href="${visit.url(consumerPath(consumer))}">${consumer}</a>`,
      count(number, { atLeast }),
      ago(oldest, now),
      ago(newest, now),
    ]),
    empty: html`There are no dead letters${
      choice.consumer === undefined ? '' : ` of ${choice.consumer}`
    }. What fails at all its attempts comes here.`,
  });
}

type OfConsumer = DeadLetterChoice & { readonly consumer: string };

async function lettersOf(visit: Visit, choice: OfConsumer): Promise<Html> {
  const { db, redaction } = visit.site;
  const filter = await chosenFilter(visit.query, visit.site);
  const { letters, now } = await reading(db.pool, async (reader) => ({
    letters: await findDeadLetters(reader, db.names, { ...choice, filter, limit: ON_A_PAGE + 1 }),
    now: await serversNow(reader),
  }));
  const shown = letters
    .slice(0, ON_A_PAGE)
    // Whoever found by a redacted key would know it.
    .filter((letter) => !isByKey(filter) || !isKeyHidden(letter, redaction));
  const last = letters.length > ON_A_PAGE ? shown.at(-1) : undefined;
  return html`<section aria-labelledby="h-letters">
    <h2 id="h-letters">Dead letters of ${choice.consumer}</h2>
    ${filterForm(visit, choice)}
    <form method="get" action="${visit.url('/dead-letters/review')}">
      ${hidden(fieldsOf(choice))}
      ${live('letters-bar', visit.isOperator && shown.length > 0 ? buttons() : '')}
      ${live('letters', lettersTable(visit, choice, shown, now))}
    </form>
    ${live('letters-older', last === undefined ? '' : olderLink(visit, choice, last.id))}
  </section>`;
}

function olderLink(visit: Visit, choice: DeadLetterChoice, before: number): Html {
  const query = Object.fromEntries([...fieldsOf(choice), ['before', String(before)]]);
  return html`<a class="button older" href="${visit.url('/dead-letters', query)}">Older</a>`;
}

function filterForm(visit: Visit, choice: OfConsumer): Html {
  const { channel, since, until, key, consumer, error } = choice;
  return html`<form class="card" method="get" action="${visit.url('/dead-letters')}">
    ${hidden([['consumer', consumer]])}
    <div class="fields">
      ${input({ name: 'error', label: 'Error', value: error ?? null, placeholder: 'all' })}
      ${input({ name: 'channel', label: 'Channel', value: channel ?? null, placeholder: 'all' })}
      ${input({ name: 'since', label: 'Written since', value: since ?? null, placeholder: '2h, 1d, 2026-11-24' })}
      ${input({ name: 'until', label: 'Written before', value: until ?? null })}
      ${input({ name: 'key', label: 'Key', value: key ?? null })}
    </div>
    <div class="actions">
      <button type="submit">Show</button>
      <a href="${visit.url('/dead-letters', { consumer })}">Show all</a>
    </div>
  </form>`;
}

/** Each leads to a page that shows how many they are, and asks. */
function buttons(): Html {
  const button = (what: 'replay' | 'discard', of: 'selected' | 'all', label: Html) =>
    html`<button
      type="submit"
      name="do"
      value="${what} ${of}"
      class="${what === 'discard' ? 'danger' : 'plain'}"
      ${of === 'selected' ? html`data-needs-selection` : ''}
    >
      ${label}
    </button>`;
  const selected = html`selected <span data-selected-count></span>`;
  return html`<div class="actions bar">
    ${SELECT_ALL} ${button('replay', 'selected', html`Replay ${selected}`)}
    ${button('discard', 'selected', html`Discard ${selected}`)}
    <span class="gap"></span>
    ${button('replay', 'all', html`Replay all that match…`)}
    ${button('discard', 'all', html`Discard all that match…`)}
  </div>`;
}

function lettersTable(
  visit: Visit,
  choice: OfConsumer,
  letters: readonly Redelivery[],
  now: Date,
): Html {
  return table({
    caption: `Dead letters of ${choice.consumer}, newest first`,
    columns: [
      ...(visit.isOperator ? [SELECT_COLUMN] : []),
      { title: 'Notification' },
      { title: 'Channel' },
      { title: 'Attempts', numeric: true },
      { title: 'Died', numeric: true },
      { title: 'Error' },
      ...(visit.isOperator ? [{ title: 'This one', numeric: true }] : []),
    ],
    rows: letters.map((letter) => rowOf(visit, choice, letter, now)),
    empty: 'Nothing matches.',
  });
}

function rowOf(visit: Visit, { consumer }: OfConsumer, letter: Redelivery, now: Date): Content[] {
  const { id, channel, attempts, since, error } = letter;
  const key = shownKey(letter, visit.site.redaction);
  const ofKey =
    key === undefined
      ? ''
      : html` <span class="muted">key <bdi>${visibleStart(key, LONGEST_KEY)}</bdi></span>`;
  return [
    ...(visit.isOperator ? [selectBox(id)] : []),
    html`<a class="name id" href="${visit.url(`/notifications/${id}`)}">${id}</a>`,
    html`<bdi>${visibleStart(channel, LONGEST_KEY)}</bdi>${ofKey}`,
    attempts,
    ago(since, now),
    error === undefined ? NONE : html`<span class="error"><bdi>${visible(error)}</bdi></span>`,
    ...(visit.isOperator ? [reviewLinks(visit, consumer, id)] : []),
  ];
}
