/**
 * How a database URL is written. It holds no secret, so it stays readable in hints; only where it
 * stands alone, for a real URL may begin or end like it.
 */
export const EXAMPLE_URL = 'postgres://user:password@host:5432/database';

/** Passwords never reach a log line or an error: what stands for them instead. */
const MASK = '***';

/**
 * A database URL with its password masked. Works on what is not a valid URL as well, and then
 * masks too much rather than too little.
 */
export function redactUrl(url: string): string {
  const password = url.includes('://') ? /^([^:@]*:\/\/[^:]*):.*@/s : /^([^:@]*):.*@/s;
  return redactText(url.replace(password, `$1:${MASK}@`));
}

/** A text with the passwords of all connection strings in it masked. */
export function redactText(text: string): string {
  return redact(text, IN_TEXT);
}

/**
 * The beginning of a text, at most so long, with passwords masked. Reads twice as far, for what the
 * cut goes through, and no further: a text may quote all of a payload, and the time that it takes to
 * mask unspaced text that is full of URLs grows with the square of its length.
 */
export function redactStart(text: string, length: number): string {
  return redactText(text.slice(0, 2 * length)).slice(0, length);
}

/** As redactText, for a line of JSON, which stays valid JSON. */
export function redactJson(line: string): string {
  return redact(line, IN_JSON);
}

/** `character` matches one character of a password, or the escape of one. */
function passwordPatterns(character: string): readonly RegExp[] {
  return [
    // The password of a PostgreSQL URL goes to the last "@": an unescaped "/" or "@" is a mistake
    // that people make.
    new RegExp(`(postgres(?:ql)?://(?:(?!:)${character})*):${character}*@`, 'gi'),
    new RegExp(
      `(\\b[a-z][a-z0-9+.-]*://(?:(?![:@/?#])${character})*):(?:(?![@/?#])${character})+@`,
      'gi',
    ),
  ];
}

/** EXAMPLE_URL without a character of a password beside it; the end of a sentence may follow. */
function examplePattern(character: string): RegExp {
  return new RegExp(`(?<!${character})${EXAMPLE_URL}(?=\\.?(?!${character}))`);
}

const TEXT_CHARACTER = '\\S';
const JSON_CHARACTER = '(?:[^\\s"\\\\]|\\\\[^ntr])';

// A password that is masked already is left alone, or the end of a sentence would go with it.
const IN_TEXT = {
  example: examplePattern(TEXT_CHARACTER),
  urls: passwordPatterns(TEXT_CHARACTER),
  parameter: /\b((?:ssl|pg)?password=)(?!\*{3}[:.,]?(?:[\s&"'<>;]|$))[^\s&"'<>;]+/gi,
};
const IN_JSON = {
  example: examplePattern(JSON_CHARACTER),
  urls: passwordPatterns(JSON_CHARACTER),
  parameter:
    /\b((?:ssl|pg)?password=)(?!\*{3}[:.,]?(?:[\s&"'<>;\\]|$))(?:[^\s&"'<>;\\]|\\[^ntr"])+/gi,
};

function redact(text: string, patterns: typeof IN_TEXT): string {
  let result = text;
  if (text.includes('://')) {
    const maskUrls = (part: string) =>
      patterns.urls.reduce((masked, url) => masked.replace(url, `$1:${MASK}@`), part);
    result = text.split(patterns.example).map(maskUrls).join(EXAMPLE_URL);
  }
  if (/password=/i.test(text)) result = result.replace(patterns.parameter, `$1${MASK}`);
  return result;
}
