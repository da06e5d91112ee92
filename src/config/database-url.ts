import { EXAMPLE_URL, redactUrl } from '../redact.ts';

/** What is wrong with a database URL. Never its password. */
export interface DatabaseUrlFault {
  /** The URL, masked. */
  readonly shown: string;
  readonly why: string;
  readonly hint: string;
}

const EXAMPLE = `Write it as ${EXAMPLE_URL}.`;
const ENCODE =
  'Percent-encode special characters in the user and password: "@" as %40, "/" as %2F, "#" as %23, "?" as %3F, "%" as %25.';

/** What is wrong with a PostgreSQL URL; undefined when nothing is. */
export function databaseUrlFault(url: string): DatabaseUrlFault | undefined {
  const fault = faultOf(url);
  return fault === undefined ? undefined : { shown: redactUrl(url), ...fault };
}

function faultOf(text: string): Omit<DatabaseUrlFault, 'shown'> | undefined {
  if (text.trim() === '') return { why: 'It is empty.', hint: EXAMPLE };
  if (!/^postgres(ql)?:\/\//i.test(text)) {
    return { why: 'It does not start with postgres:// or postgresql://.', hint: EXAMPLE };
  }
  const [, authority = '', rest = ''] = /^[a-z]+:\/\/([^/?#]*)(.*)$/is.exec(text) ?? [];
  if (authority !== '' && !authority.includes('@') && rest.includes('@')) {
    return { why: 'A "/", "?" or "#" stands before its "@".', hint: ENCODE };
  }
  if (rest.includes('#')) return { why: 'It contains a "#".', hint: ENCODE };
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(',')) {
    return {
      why: 'It names several hosts.',
      hint: 'Name one host; a proxy can stand for several.',
    };
  }
  // Without a host it means a Unix socket: `postgres://user:password@/database?host=/run/pg`.
  const complete = text.replace('@/', '@localhost/');
  const url = URL.canParse(complete) ? new URL(complete) : undefined;
  if (url === undefined) return { why: 'It is not a valid URL.', hint: `${EXAMPLE} ${ENCODE}` };
  try {
    for (const part of [url.username, url.password, url.hostname, url.pathname]) {
      decodeURIComponent(part);
    }
  } catch {
    return { why: 'A "%" in it is not followed by two hexadecimal digits.', hint: ENCODE };
  }
  return undefined;
}
