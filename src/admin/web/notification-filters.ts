import { html } from 'hono/html';
import { input, select } from './forms.ts';
import type { KnownNames } from './known-names.ts';
import { CHOICES, type ChoiceName, chosen, queryOf, STATES } from './notification-choice.ts';
import type { Html } from './parts.ts';
import { visibleStart } from './visible.ts';
import type { Visit } from './visit.ts';

/** Those that most look for; the others unfold. */
const FIRST: readonly ChoiceName[] = ['channel', 'consumer', 'state', 'since'];
const LONGEST_CHIP = 60;

/** What can be searched for; the page's address says what is. */
export function notificationFilters(visit: Visit, { channels, consumers }: KnownNames): Html {
  const { query } = visit;
  const all = chosen(query);
  const value = (name: ChoiceName) => query.get(name);
  const isOpen = all.some(([name]) => !FIRST.includes(name));
  const action = { name: 'action', options: ['INSERT', 'UPDATE', 'DELETE'], none: 'all' } as const;
  return html`<form class="card filters" method="get" action="${visit.url('/notifications')}">
    <div class="fields">
      ${input({ name: 'channel', label: CHOICES.channel, value: value('channel'), placeholder: 'all', suggestions: channels })}
      ${select({ name: 'consumer', label: CHOICES.consumer, value: value('consumer'), options: consumers, none: 'whichever' })}
      ${select({ name: 'state', label: 'Its state', value: value('state'), options: STATES, none: 'whichever' })}
      ${input({ name: 'since', label: CHOICES.since, value: value('since'), placeholder: '2h, 1d, 2026-11-24', suggestions: ['15m', '1h', '24h', '7d'] })}
    </div>
    <details ${isOpen ? 'open' : ''}>
      <summary>More to search for</summary>
      <div class="fields">
        ${input({ name: 'until', label: CHOICES.until, value: value('until'), placeholder: 'as above' })}
        ${input({ name: 'table', label: CHOICES.table, value: value('table') })}
        ${select({ ...action, label: CHOICES.action, value: value('action') })}
        ${input({ name: 'record', label: CHOICES.record, value: value('record') })}
        ${input({ name: 'key', label: CHOICES.key, value: value('key'), placeholder: 'public.orders:17' })}
        ${input({ name: 'id', label: 'Notification ids', value: query.getAll('id').join(', '), placeholder: '17, 18' })}
        ${fieldInputs(query.getAll('where'))}
      </div>
    </details>
    <div class="actions">
      <button type="submit" class="main">Search</button>
      ${chips(visit, all)}
    </div>
  </form>`;
}

/** One for each condition, and one for another. */
function fieldInputs(conditions: readonly string[]): Html {
  const filled = conditions.filter((text) => text.trim() !== '');
  return html`${[...filled, ''].map((text, at) =>
    input({
      name: 'where',
      label: at === 0 ? 'A field of the payload' : 'And a field',
      value: text,
      placeholder: 'new_data.status=paid',
    }),
  )}`;
}

/** What is searched for, each with a link that leaves it out. */
function chips(visit: Visit, all: readonly [ChoiceName, string][]): Html | '' {
  if (all.length === 0) return '';
  return html`<ul class="chips" aria-label="Searched for">
      ${all.map(([name, value]) => {
        const text = `${CHOICES[name]}: ${visibleStart(value, LONGEST_CHIP)}`;
        const without = queryOf(visit.query, { without: `${name}=${value}` });
        return html`<li>
          <a class="chip" href="${visit.url('/notifications', without)}" aria-label="Leave out ${text}"
            >${text} <span aria-hidden="true">×</span></a
          >
        </li>`;
      })}
    </ul>
    <a href="${visit.url('/notifications')}">Show all</a>`;
}
