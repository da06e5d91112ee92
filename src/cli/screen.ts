import { formatCount } from '../format.ts';
import { cutEnd, type Output } from './output.ts';

/** Shows one text after the other, or on a terminal each in the place of the one before. */
export class Screen {
  readonly inPlace: boolean;
  readonly #output: Output;
  #isClear = false;

  constructor(output: Output) {
    this.#output = output;
    this.inPlace = output.isTerminal;
  }

  /** @param text whole lines */
  show(text: string): void {
    if (!this.inPlace) {
      this.#output.write(text);
      return;
    }
    const first = this.#isClear ? '' : CLEAR_SCREEN;
    this.#isClear = true;
    // Line by line: to clear the screen each time would flicker.
    const lines = fitting(text, this.#output).map((line) => `${line}${CLEAR_LINE}\n`);
    this.#output.write(`${first}${HOME}${lines.join('')}${CLEAR_BELOW}`);
  }
}

const CLEAR_SCREEN = '\u001b[2J';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

/**
 * What a terminal has room for. With more lines, or one that goes on in the next, it would scroll, and
 * what is shown then would not come in this one's place. The last line stays free: the cursor ends
 * there. So does the last column: in it, to clear the rest of a line takes its last character.
 */
function fitting(text: string, { columns, rows }: Output): string[] {
  const lines = text.replace(/\n$/, '').split('\n');
  const room = Math.max(1, rows - 1);
  const shown = lines.length <= room ? lines : lines.slice(0, room - 1);
  const left = lines.length - shown.length;
  const rest =
    left === 0 ? [] : [`… ${formatCount(left, 'more line')}, for which there is no room`];
  return [...shown, ...rest].map((line) => cutEnd(line, columns - 1));
}
