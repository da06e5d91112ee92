import { html } from 'hono/html';
import type { Content, Html } from './parts.ts';
import type { Visit } from './visit.ts';

export interface ActionParts {
  /** Where it is sent to. */
  readonly path: string;
  /** On the button. */
  readonly label: string;
  readonly tone?: 'plain' | 'main' | 'danger';
  /** What is sent along, besides the token. */
  readonly fields?: Iterable<readonly [string, string]>;
}

/** A button that does something at once. Nothing for those who may only look. */
export function action(
  visit: Visit,
  { path, label, tone = 'plain', fields = [] }: ActionParts,
): Html | '' {
  if (!visit.isOperator) return '';
  return html`<form class="inline" method="post" action="${visit.url(path)}">
    ${tokenField(visit)} ${hidden(fields)}
    <button type="submit" class="${tone}">${label}</button>
  </form>`;
}

/** A link that looks like a button, to the page that asks before it acts. */
export function actionLink(visit: Visit, href: string, label: string): Html | '' {
  return visit.isOperator ? html`<a class="button" href="${href}">${label}</a>` : '';
}

/** What every form that writes has to carry. */
export function tokenField(visit: Visit): Html {
  return html`<input type="hidden" name="token" value="${visit.formToken}" />`;
}

export function hidden(fields: Iterable<readonly [string, string]>): Html {
  return html`${[...fields].map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
  )}`;
}

export interface InputParts {
  readonly name: string;
  readonly label: Content;
  readonly value: string | null;
  readonly placeholder?: string;
  /** Shown to choose from, while others can be typed too. */
  readonly suggestions?: readonly string[];
}

export function input({ name, label, value, placeholder, suggestions = [] }: InputParts): Html {
  const list = suggestions.length === 0 ? undefined : `list-${name}`;
  return html`<label>
    <span>${label}</span>
    <input
      name="${name}"
      value="${value ?? ''}"
      placeholder="${placeholder ?? ''}"
      autocomplete="off"
      spellcheck="false"
      ${list === undefined ? '' : html`list="${list}"`}
    />
    ${
      list === undefined
        ? ''
        : html`<datalist id="${list}">
            ${suggestions.map((text) => html`<option value="${text}"></option>`)}
          </datalist>`
    }
  </label>`;
}

export interface SelectParts {
  readonly name: string;
  readonly label: Content;
  readonly value: string | null;
  readonly options: readonly string[];
  /** For no choice; undefined: there has to be one. */
  readonly none?: string;
}

export function select({ name, label, value, options, none }: SelectParts): Html {
  // What is not known any more stays chosen.
  const all =
    value === null || value === '' || options.includes(value) ? options : [value, ...options];
  return html`<label>
    <span>${label}</span>
    <select name="${name}">
      ${none === undefined ? '' : html`<option value="">${none}</option>`}
      ${all.map(
        (option) =>
          html`<option value="${option}" ${option === value ? html`selected` : ''}>${option}</option>`,
      )}
    </select>
  </label>`;
}

export interface CheckParts {
  readonly name: string;
  readonly label: string;
  readonly isChecked: boolean;
}

export function check({ name, label, isChecked }: CheckParts): Html {
  return html`<label class="check">
    <input type="checkbox" name="${name}" value="1" ${isChecked ? html`checked` : ''} />
    ${label}
  </label>`;
}

/** The fields that choose notifications; see chosen.ts. */
export function choiceInputs(fields: URLSearchParams): Html {
  const all = (name: string) => fields.getAll(name).join('\n');
  return html`<div class="fields">
    ${input({ name: 'channel', label: 'Channel', value: fields.get('channel'), placeholder: 'all' })}
    ${input({ name: 'since', label: 'Written since', value: fields.get('since'), placeholder: '2h, 1d, 2026-11-24' })}
    ${input({ name: 'until', label: 'Written before', value: fields.get('until'), placeholder: 'as above' })}
    ${input({ name: 'key', label: 'Key', value: fields.get('key') })}
    ${input({ name: 'id', label: 'Ids', value: all('id').replaceAll('\n', ', '), placeholder: '17, 18' })}
    ${input({ name: 'where', label: 'A field of the payload', value: all('where'), placeholder: 'new_data.status=paid' })}
  </div>`;
}
