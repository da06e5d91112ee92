import { html } from 'hono/html';
import type { Column, Html } from './parts.ts';

/** The column of the boxes to select notifications with; see assets/admin/selection.js. */
export const SELECT_COLUMN: Column = {
  title: 'Select',
  head: html`<span class="sr">Select</span
    ><input type="checkbox" data-select-all aria-label="Select all on this page" />`,
  slim: true,
};

/** The same for a phone, where tables have no heads. */
export const SELECT_ALL: Html = html`<label class="check phone">
  <input type="checkbox" data-select-all /> Select all
</label>`;

/** Keeps its state while the page is kept up to date, by its id. */
export function selectBox(id: number): Html {
  return html`<input
    type="checkbox"
    name="id"
    value="${id}"
    id="select-${id}"
    data-select
    aria-label="Select notification ${id}"
  />`;
}
