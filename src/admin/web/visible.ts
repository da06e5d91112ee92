/** What has no shape of its own, or turns the text around it: control and format characters. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu;

/**
 * A text that somebody else wrote, so that what is in it can be seen and nothing in it moves its
 * surroundings: such characters are written as JSON escapes them. Line breaks and tabs stay.
 */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  );
}

/** The same, cut, with how long it was. */
export function visibleStart(text: string, length: number): string {
  if (text.length <= length) return visible(text);
  return `${visible(text.slice(0, length))}… (${text.length.toLocaleString('en-US')} characters)`;
}

function escaped(character: string): string {
  let text = '';
  for (let at = 0; at < character.length; at += 1) {
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return text;
}
