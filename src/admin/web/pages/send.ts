import { html } from 'hono/html';
import { PgwatchError } from '../../../errors.ts';
import { appendJson } from '../../../log/append.ts';
import { assertJsonText } from '../../../log/payload.ts';
import { suggest } from '../../../suggest.ts';
import { input, tokenField } from '../forms.ts';
import { type KnownNames, knownNames } from '../known-names.ts';
import type { Route } from '../route.ts';
import { visible } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const sendRoutes: readonly Route[] = [
  { method: 'get', path: '/send', handle: showForm },
  { method: 'post', path: '/send', handle: send },
];

const EXAMPLE = '{\n  "event": "test"\n}';

function showForm(visit: Visit): Promise<Response> {
  return form(visit, visit.query, undefined);
}

/** What was typed stays when it cannot be sent. */
async function form(
  visit: Visit,
  typed: URLSearchParams,
  problem: PgwatchError | undefined,
): Promise<Response> {
  const { channels } = await knownNames(visit);
  return visit.page(
    {
      title: 'Send a test notification',
      content: html`${
        problem === undefined
          ? ''
          : html`<div class="notice problem" role="alert">
              <p>${visible(problem.message)} ${problem.hint ?? ''}</p>
            </div>`
      }
      ${visit.isOperator ? fields(visit, typed, channels) : html`<div class="empty">Your role is read-only: you may look, but send nothing.</div>`}`,
    },
    problem === undefined ? 200 : 400,
  );
}

function fields(visit: Visit, typed: URLSearchParams, channels: readonly string[]) {
  return html`<form class="card narrow" method="post" action="${visit.url('/send')}">
    <p class="muted">
      It is written to the log as <code>pgwatch notify</code> writes it, and every consumer of the channel
      handles it.
    </p>
    ${tokenField(visit)}
    ${input({ name: 'channel', label: 'Channel', value: typed.get('channel'), suggestions: channels })}
    ${input({ name: 'key', label: html`Key <span class="muted">(may be empty)</span>`, value: typed.get('key') })}
    <label>
      <span>Payload, as JSON</span>
      <textarea name="payload" rows="10" spellcheck="false">${typed.get('payload') ?? EXAMPLE}</textarea>
    </label>
    <div class="actions"><button type="submit" class="main">Send</button></div>
  </form>`;
}

async function send(visit: Visit): Promise<Response> {
  const { db } = visit.site;
  const channel = visit.form.get('channel') ?? '';
  const key = visit.form.get('key') || null;
  const payload = visit.form.get('payload') ?? '';
  visit.audit('send', { channel, key, bytes: Buffer.byteLength(payload) });
  try {
    assertJsonText(payload, 'A text needs quotes: "text".');
    const { functionsSchema } = db.names;
    const id = await appendJson(db.pool, channel, payload, { key, functionsSchema });
    return visit.redirect(`/notifications/${id}`, {
      kind: 'done',
      text: `Sent on ${visible(channel)}.${whoListens(await knownNames(visit), channel)}`,
    });
  } catch (error) {
    if (error instanceof PgwatchError && error.kind === 'usage') {
      return form(visit, visit.form, error);
    }
    throw error;
  }
}

/** Sent all the same: the consumer may be about to come, and then gets it as playback. */
function whoListens({ consumed }: KnownNames, channel: string): string {
  if (consumed.includes(channel)) return '';
  return ` No known consumer listens on this channel.${suggest(channel, consumed)}`;
}
