/** Has a screen reader read something that has changed on the page. */
export function say(text) {
  const place = document.getElementById('said');
  if (place !== null && place.textContent !== text) place.textContent = text;
}
