import { EXAMPLE_URL, redactUrl } from '../redact.ts';
import { serverUrls, targetSessionAttributes } from '../server-urls.ts';
import { suggest } from '../suggest.ts';

/** What is wrong with a database URL. Never its password. */
export interface DatabaseUrlFault {
  /** The URL, masked. */
  readonly shown: string;
  readonly why: string;
  readonly hint: string;
}

const EXAMPLE = `Write it as ${EXAMPLE_URL}.`;
const SEVERAL = 'Write them as postgres://user@host1:5432,host2:5432/database.';
const ENCODE =
  'Percent-encode special characters in the user and password: "@" as %40, "/" as %2F, "#" as %23, "?" as %3F, "%" as %25.';

/** What is wrong with a PostgreSQL URL; undefined when nothing is. */
export function databaseUrlFault(url: string): DatabaseUrlFault | undefined {
  const fault = faultOf(url);
  return fault === undefined ? undefined : { shown: redactUrl(url), ...fault };
}

type Fault = Omit<DatabaseUrlFault, 'shown'>;

function faultOf(text: string): Fault | undefined {
  if (text.trim() === '') return { why: 'It is empty.', hint: EXAMPLE };
  if (!/^postgres(ql)?:\/\//i.test(text)) {
    return { why: 'It does not start with postgres:// or postgresql://.', hint: EXAMPLE };
  }
  const [, authority = '', rest = ''] = /^[a-z]+:\/\/([^/?#]*)(.*)$/is.exec(text) ?? [];
  if (authority !== '' && !authority.includes('@') && rest.includes('@')) {
    return { why: 'A "/", "?" or "#" stands before its "@".', hint: ENCODE };
  }
  if (rest.includes('#')) return { why: 'It contains a "#".', hint: ENCODE };
  if (/[?&](host|port)=[^&]*,/.test(rest)) {
    return { why: 'It names several hosts in a parameter.', hint: SEVERAL };
  }
  const hosts = authority.slice(authority.lastIndexOf('@') + 1).split(',');
  if (hosts.length > 1 && hosts.includes('')) {
    return { why: 'One of its hosts is empty.', hint: SEVERAL };
  }
  for (const url of serverUrls(text)) {
    const fault = faultOfOne(url);
    if (fault !== undefined) return fault;
  }
  return faultOfSslMode(text) ?? faultOfTarget(targetSessionAttributes(text));
}

/** Of a URL with one host. */
function faultOfOne(text: string): Fault | undefined {
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

const SSL_MODES = [
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
  'no-verify',
];

/** The driver takes one that it does not know for another, which may be less safe than was meant. */
function faultOfSslMode(text: string): Fault | undefined {
  const query = new URLSearchParams(text.slice(text.indexOf('?') + 1));
  const unknown = query.getAll('sslmode').find((mode) => !SSL_MODES.includes(mode));
  if (unknown === undefined) return undefined;
  return {
    why: `Its sslmode is "${unknown}".${suggest(unknown, SSL_MODES)}`,
    hint: `Write one of ${SSL_MODES.join(', ')}; verify-full is the safe one.`,
  };
}

/** pgwatch writes, so it wants the primary whatever it is told; `any` is what libpq does untold. */
function faultOfTarget(attributes: string | undefined): Fault | undefined {
  if (attributes === undefined || ['any', 'primary', 'read-write'].includes(attributes)) {
    return undefined;
  }
  return {
    why: `Its target_session_attrs is "${attributes}", and a server that takes no writes is of no use to pgwatch.`,
    hint: 'Leave it out, or write primary or read-write: pgwatch looks for the primary by itself.',
  };
}
