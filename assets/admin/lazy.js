/**
 * Fills the places that are marked `data-lazy` with the part of the same id of the page that they name:
 * what takes a while to find does not hold up the rest. Without scripts, a link to that page stands there.
 */
export function fillLazyParts() {
  for (const place of document.querySelectorAll('[data-lazy]')) fill(place);
}

async function fill(place) {
  place.ariaBusy = 'true';
  try {
    const response = await fetch(place.dataset.lazy, { headers: { accept: 'text/html' } });
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    const fresh = page.getElementById(place.id);
    if (fresh !== null) place.replaceWith(fresh);
  } catch {
    // The link stays.
  } finally {
    place.ariaBusy = 'false';
  }
}
