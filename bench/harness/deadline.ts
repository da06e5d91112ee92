/** Something was not over in its time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * What a promise comes to, if it does so in time. What goes on after that is nobody's concern: its
 * failure is not a fault of the program.
 *
 * @throws DeadlineError
 */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new DeadlineError(`It was not over after ${milliseconds / 1_000} s and was given up.`),
      );
    }, milliseconds);
  });
  promise.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
