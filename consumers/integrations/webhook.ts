import {
  BaseConsumer,
  type HandlerContext,
  type NotificationHandler,
  PermanentError,
  RetryableError,
  stringifyJson,
} from 'pgwatch';

/**
 * Sends every captured change to the address in `WEBHOOK_URL`:
 *
 *     WEBHOOK_URL=https://example.com/hooks/pgwatch npm start
 *
 * Without it, changes are passed over.
 */
export class Webhook extends BaseConsumer {
  static override consumerId = 'webhook';
  static override channels = ['data_change'];
  static override handlerTimeoutSeconds = 30;

  #saidThatItIsOff = false;

  async handleNotification(handler: NotificationHandler, { signal, logger }: HandlerContext) {
    const url = process.env['WEBHOOK_URL'];
    if (url === undefined || url === '') {
      if (!this.#saidThatItIsOff) logger.info('WEBHOOK_URL is not set, no webhooks are sent');
      this.#saidThatItIsOff = true;
      return;
    }
    // A receiver that is down, or cannot be reached, makes fetch throw: it is tried again.
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        // It may come twice; by this the receiver knows.
        'idempotency-key': `pgwatch-${handler.notificationLogId}`,
      },
      // Not JSON.stringify, which cannot write large integers.
      body: stringifyJson(handler),
      redirect: 'manual',
      signal,
    });
    await response.body?.cancel();
    if (response.ok) return;

    const problem = `the webhook answered ${response.status}`;
    if (response.status >= 500 || response.status === 429) {
      throw new RetryableError(problem, { retryAfter: retryAfter(response) });
    }
    throw new PermanentError(problem);
  }
}

/** Seconds or a date, as the receiver likes; undefined leaves it to the retry policy. */
function retryAfter(response: Response): number | Date | undefined {
  const header = response.headers.get('retry-after') ?? '';
  if (/^\d+$/.test(header)) return Number(header);
  const date = new Date(header);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
