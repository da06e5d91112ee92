import {
  BaseConsumer,
  type HandlerContext,
  type NotificationHandler,
  PermanentError,
  RetryableError,
} from 'pgwatch';

interface Reservation {
  readonly product: string;
  readonly quantity: number;
}

/** What is in stock, by product; a table in a real shop. */
export const stock = new Map([
  ['tea', 10],
  ['coffee', 3],
]);

/**
 * Chooses what becomes of a notification that cannot be handled. Try
 *
 *     npx pgwatch notify stock_reservations '{"product":"tea","quantity":2}'
 *     npx pgwatch notify stock_reservations '{"product":"coffee","quantity":50}'
 *     npx pgwatch notify stock_reservations '"nonsense"'
 */
export class StockReservations extends BaseConsumer {
  static override consumerId = 'stock_reservations';
  static override channels = ['stock_reservations'];
  static override retry = { maxAttempts: 5, minDelaySeconds: 2 };
  static override handlerTimeoutSeconds = 10;

  /** A notification may come again after a crash; this one must count once. */
  readonly #done = new Set<number>();

  handleNotification(handler: NotificationHandler, { logger }: HandlerContext) {
    if (this.#done.has(handler.notificationLogId)) return;
    const data: unknown = handler.data;
    if (!isReservation(data)) {
      // Trying again would not help: dead-lettered at once.
      throw new PermanentError('a reservation needs a product and a quantity');
    }
    const available = stock.get(data.product);
    if (available === undefined) throw new PermanentError(`there is no product ${data.product}`);
    if (available < data.quantity) {
      // Tried again when the next delivery may have come, five times at the most.
      throw new RetryableError(`only ${available} in stock`, { retryAfter: 60 });
    }
    // Any other error is tried again with the delays of the retry policy.
    stock.set(data.product, available - data.quantity);
    this.#done.add(handler.notificationLogId);
    logger.info({ ...data, left: available - data.quantity }, 'reserved');
  }
}

/** Anybody may send anything on a channel. */
function isReservation(data: unknown): data is Reservation {
  if (typeof data !== 'object' || data === null) return false;
  if (!('product' in data) || !('quantity' in data)) return false;
  return typeof data.product === 'string' && typeof data.quantity === 'number' && data.quantity > 0;
}
