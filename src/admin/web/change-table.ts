import { html } from 'hono/html';
import type { FieldChange } from './change-diff.ts';
import { type Html, NONE } from './parts.ts';

const SIGNS = { added: '+', removed: '−', changed: '±', same: '' } as const;

/** Old and new side by side; what has not changed unfolds. */
export function changeTable(changes: readonly FieldChange[]): Html {
  const isSame = ({ kind }: FieldChange) => kind === 'same';
  const same = changes.filter(isSame);
  const rest = changes.filter((change) => !isSame(change));
  return html`${rest.length === 0 ? html`<div class="empty">No field has changed.</div>` : rows('What has changed', rest)}
  ${
    same.length === 0
      ? ''
      : html`<details>
          <summary>${same.length} unchanged</summary>
          ${rows('What has not changed', same)}
        </details>`
  }`;
}

/** Cards on a phone; the roles are lost there without saying them. */
function rows(caption: string, changes: readonly FieldChange[]): Html {
  return html`<table class="diff" role="table">
    <caption class="sr">${caption}</caption>
    <thead role="rowgroup">
      <tr role="row">
        <th role="columnheader" scope="col">Field</th>
        <th role="columnheader" scope="col">Old</th>
        <th role="columnheader" scope="col">New</th>
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${changes.map(
        ({ field, before, after, kind }) =>
          html`<tr role="row" class="${kind}">
            <th role="rowheader" scope="row">
              <span class="sign" aria-hidden="true">${SIGNS[kind]}</span><bdi>${field}</bdi
              ><span class="sr"> ${kind === 'same' ? '' : kind}</span>
            </th>
            ${side('old', before)} ${side('new', after)}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function side(name: 'old' | 'new', text: string | undefined): Html {
  return html`<td role="cell" class="${name}" data-title="${name === 'old' ? 'Old' : 'New'}">
    ${text === undefined ? NONE : html`<bdi class="mono">${text}</bdi>`}
  </td>`;
}
