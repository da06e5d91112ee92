/** `/pgwatch` or `/tools/pgwatch`; anything else in it could lead a link to another server. */
const PREFIX = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/;

/** @returns without a slash at its end; empty: none; undefined: it cannot be used */
function cleanPrefix(text: string): string | undefined {
  const prefix = text.trim().replace(/\/+$/, '');
  return prefix === '' || PREFIX.test(prefix) ? prefix : undefined;
}

/** The path without the prefix, which a proxy may have taken off already. */
export function withoutPrefix(path: string, prefix: string): string {
  if (prefix === '' || (path !== prefix && !path.startsWith(`${prefix}/`))) return path;
  return path.slice(prefix.length) || '/';
}

/**
 * Where the browser sees the pages: what the proxy says, where it is to be believed, or what is
 * configured.
 */
export function prefixOf(
  headers: Headers,
  {
    prefix,
    trustForwardedPrefix,
  }: { readonly prefix: string; readonly trustForwardedPrefix: boolean },
): string {
  const forwarded = trustForwardedPrefix ? headers.get('x-forwarded-prefix') : null;
  return (forwarded === null ? undefined : cleanPrefix(forwarded)) ?? cleanPrefix(prefix) ?? '';
}
