/**
 * Waits for a promise; once the signal has aborted, `ms` longer, then no more.
 * @throws the signal's reason when it is left behind
 */
export function abandonable<T>(
  promise: PromiseLike<T>,
  signal: AbortSignal,
  ms: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const onAbort = () => {
      timer = setTimeout(() => settle(() => reject(signal.reason)), ms);
    };
    const settle = (how: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      how();
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

/** Somebody was not waited for any longer. */
export class NotInTimeError extends Error {
  override readonly name = 'NotInTimeError';
}

/** Waits for a promise so long at most. @throws NotInTimeError when it is left behind */
export function within<T>(promise: PromiseLike<T>, ms: number): Promise<T> {
  const error = new NotInTimeError(`no answer within ${ms / 1000} s`);
  return abandonable(promise, AbortSignal.abort(error), ms);
}
