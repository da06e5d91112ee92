import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import { plain } from './plain.ts';
import type { StatusWatch } from './status-watch.ts';

/** Browsers allow six connections to a server; a page that is left is found out by a write. */
const RETRY_MS = 2_000;

/** Each holds a connection of the process. */
const MOST_PAGES = 200;

/** Tells an open page, again and again, that there is something new to fetch. */
export function liveEvents(context: Context, watch: StatusWatch): Response {
  if (watch.watchers >= MOST_PAGES) return plain(context, 503, 'Too many pages are open.');
  // nginx would keep the events until there are enough of them.
  context.header('X-Accel-Buffering', 'no');
  return streamSSE(context, async (stream) => {
    await new Promise<void>((resolve) => {
      let number = 0;
      let isWriting = false;
      const tell = () => {
        // Whoever does not read is not written to: what waits would only grow.
        if (isWriting) return;
        isWriting = true;
        number += 1;
        stream
          .writeSSE({ event: 'change', data: String(number), retry: RETRY_MS })
          .then(() => {
            isWriting = false;
          })
          .catch(() => resolve());
      };
      const stop = watch.watch(tell);
      const end = () => {
        stop();
        watch.ended.removeEventListener('abort', end);
        resolve();
      };
      stream.onAbort(end);
      watch.ended.addEventListener('abort', end, { once: true });
    });
  });
}
