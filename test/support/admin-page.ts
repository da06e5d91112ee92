import type { AdminClient } from './admin-client.ts';

/** Sends the form of a page whose button says so, as a browser would. */
export async function press(admin: AdminClient, page: string, button: string) {
  const { body } = await admin.get(page);
  const form = body
    .split('<form')
    .find((part) => part.includes('method="post"') && part.includes(`>${button}</button>`));
  if (form === undefined) throw new Error(`No button "${button}" on ${page}:\n${body}`);
  const path = /action="(?<path>[^"]+)"/.exec(form)?.groups?.['path'] ?? '';
  const fields = [...form.matchAll(/name="(?<name>[^"]+)" value="(?<value>[^"]*)"/g)].map(
    ({ groups = {} }): [string, string] => [unescaped(groups['name']), unescaped(groups['value'])],
  );
  const answer = await admin.postFields(unescaped(path), fields);
  if (answer.status !== 303) throw new Error(`"${button}" answered ${answer.status}.`);
  return admin.get(answer.headers.location ?? '');
}

function unescaped(text = ''): string {
  return text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
}

/** The text of a page, its tags left out. */
export function textOf(body: string): string {
  return unescaped(body.replaceAll(/<[^>]*>/g, ' ')).replaceAll(/\s+/g, ' ');
}
