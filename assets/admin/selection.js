import { say } from './said.js';

/** Whether rows are selected: the page then stays as it is, so that nothing moves under the hand. */
export function isSelecting() {
  return document.querySelector('input[data-select]:checked') !== null;
}

/** Lets "select all" do so, and shows how many are selected. */
export function watchSelection() {
  document.addEventListener('change', ({ target }) => {
    if (!(target instanceof HTMLInputElement)) return;
    if (target.dataset.selectAll !== undefined) {
      for (const box of boxes()) box.checked = target.checked;
    }
    if (target.dataset.select !== undefined || target.dataset.selectAll !== undefined) {
      say(`${show()} selected`);
    }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !isSelecting()) return;
    for (const box of boxes()) box.checked = false;
    show();
  });
  show();
}

/** What depends on the selection; called again after the page has changed. @returns how many are selected */
export function show() {
  const all = boxes();
  const selected = all.filter((box) => box.checked).length;
  for (const box of document.querySelectorAll('input[data-select-all]')) {
    box.checked = selected > 0 && selected === all.length;
    box.indeterminate = selected > 0 && selected < all.length;
  }
  for (const place of document.querySelectorAll('[data-selected-count]')) {
    place.textContent = String(selected);
  }
  for (const button of document.querySelectorAll('button[data-needs-selection]')) {
    button.disabled = selected === 0;
  }
  document.documentElement.toggleAttribute('data-frozen', selected > 0);
  return selected;
}

function boxes() {
  return [...document.querySelectorAll('input[data-select]')];
}
