/**
 * Loads a module, and turns the two ways in which it can end the whole process into errors of the
 * module: `process.exit()`, and a top-level await that never settles, for which Node leaves without
 * a word when nothing else is left to do. While something is (a timer, a connection), an await may
 * still settle, and is waited for.
 *
 * One at a time: process.exit is replaced meanwhile.
 */
export async function guarded<T>(load: () => Promise<T>): Promise<T> {
  const { exit } = process;
  let giveUp = () => {};
  const unsettled = new Promise<never>((_resolve, reject) => {
    giveUp = () => {
      reject(new Error('a top-level await, in it or in what it imports, never settles'));
    };
  });
  process.once('beforeExit', giveUp);
  process.exit = (code) => {
    throw new Error(`it called process.exit(${code ?? ''}) while it was loaded`);
  };
  try {
    return await Promise.race([load(), unsettled]);
  } finally {
    process.exit = exit;
    process.off('beforeExit', giveUp);
  }
}
