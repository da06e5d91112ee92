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

/** The same for a line of JSON, which stays valid JSON. */
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

const IN_TEXT = {
  urls: passwordPatterns('\\S'),
  parameter: /\b((?:ssl|pg)?password=)[^\s&"'<>;]+/gi,
};
const IN_JSON = {
  urls: passwordPatterns('(?:[^\\s"\\\\]|\\\\[^ntr])'),
  parameter: /\b((?:ssl|pg)?password=)(?:[^\s&"'<>;\\]|\\[^ntr"])+/gi,
};

function redact(text: string, patterns: typeof IN_TEXT): string {
  let result = text;
  if (text.includes('://')) {
    for (const url of patterns.urls) result = result.replace(url, `$1:${MASK}@`);
  }
  if (/password=/i.test(text)) result = result.replace(patterns.parameter, `$1${MASK}`);
  return result;
}
