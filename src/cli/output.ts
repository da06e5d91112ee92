import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Standard output, for results. */
export interface Output {
  write(text: string): void;
  /** Resolves when what was written has been taken, or nobody is there to take it. */
  taken(): Promise<void>;
  /** Aborted when whoever read it has gone. */
  readonly closed: AbortSignal;
  readonly isTerminal: boolean;
  /** Characters in a line of the terminal; infinite elsewhere. */
  readonly columns: number;
  /** Its lines; infinite elsewhere. */
  readonly rows: number;
}

/** A stream that may be a terminal. */
export type OutputStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

export function outputOf(stream: OutputStream): Output {
  const closed = new AbortController();
  for (const event of ['error', 'close']) stream.once(event, () => closed.abort());
  return {
    write: (text) => void stream.write(text),
    closed: closed.signal,
    async taken() {
      if (!stream.writableNeedDrain || closed.signal.aborted) return;
      await once(stream, 'drain', { signal: closed.signal }).catch(() => {});
    },
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.isTTY === true && stream.columns ? stream.columns : Number.POSITIVE_INFINITY;
    },
    get rows() {
      return stream.isTTY === true && stream.rows ? stream.rows : Number.POSITIVE_INFINITY;
    },
  };
}

/**
 * A reader that went away is no reason to crash: of a pipe (`pgwatch list-consumers | head -1`), or a
 * terminal that was closed, for which Node says EIO.
 */
export function tolerateClosedPipe(stream: OutputStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    const isGone = error.code === 'EPIPE' || (error.code === 'EIO' && stream.isTTY === true);
    if (!isGone) throw error;
  });
}

/** As one line of at most so many characters. */
export function cutLine(text: string, columns: number): string {
  return cutEnd(text.replaceAll(/\s+/g, ' '), columns);
}

/** A line, its spaces as they are, of at most so many characters. */
export function cutEnd(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}

/** Columns as wide as their widest cell, two spaces apart; no line ends in spaces. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, index) => Math.max(...lines.map((line) => widthOf(line[index]))));
  return lines
    .map((line) => {
      const cells = line.map((cell, index) => cell + padding(cell, widths[index]));
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}

function padding(cell: string, width = 0): string {
  return ' '.repeat(Math.max(0, width - widthOf(cell)));
}

function widthOf(cell = ''): number {
  return [...cell].length;
}
