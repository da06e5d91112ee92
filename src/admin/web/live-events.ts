import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { StatusWatch } from './status-watch.ts';

/** Browsers allow six connections to a server; a page that is left is found out by a write. */
const RETRY_MS = 2_000;

/** Tells an open page, again and again, that there is something new to fetch. */
export function liveEvents(context: Context, watch: StatusWatch): Response {
  return streamSSE(context, async (stream) => {
    await new Promise<void>((resolve) => {
      let number = 0;
      const tell = () => {
        number += 1;
        stream
          .writeSSE({ event: 'change', data: String(number), retry: RETRY_MS })
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
