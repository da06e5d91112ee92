/**
 * Several servers in one database URL, as libpq writes them: `postgres://u@h1,h2:5433/db`.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
 */

const PARTS = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#@]*)(\/[^?#]*)?(?:\?(.*))?$/is;

/** One URL for each host, in their order, without what only libpq understands. */
export function serverUrls(url: string): readonly string[] {
  const [, start = '', hosts = '', path = '', query = ''] = PARTS.exec(url) ?? [];
  if (start === '') return [url];
  const parameters = query.split('&').filter((text) => text !== '' && !isAttribute(text));
  const end = `${path}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`;
  return hosts.split(',').map((host) => `${start}${host}${end}`);
}

/** Which of the servers the URL asks for, undefined: it does not say. */
export function targetSessionAttributes(url: string): string | undefined {
  const query = PARTS.exec(url)?.[4] ?? '';
  return query.split('&').find(isAttribute)?.slice(ATTRIBUTE.length);
}

const ATTRIBUTE = 'target_session_attrs=';

function isAttribute(parameter: string): boolean {
  return parameter.startsWith(ATTRIBUTE);
}
