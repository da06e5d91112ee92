import { untilInterrupted } from '../lifecycle/interruption.ts';
import { pause } from '../lifecycle/pause.ts';
import { type Status, StatusReader } from '../observe/status.ts';
import type { CommandContext, StatusOptions } from './options.ts';
import type { Output } from './output.ts';
import { statusJson, statusText } from './status-report.ts';
import { withDatabase } from './with-database.ts';

/** How long cursors are watched to tell how fast they move. */
const SAMPLE_MS = 1_000;
const WATCH_EVERY_MS = 2_000;

/** Shows how consumers and log are, once or again and again. */
export async function runStatus(context: CommandContext, options: StatusOptions): Promise<number> {
  await withDatabase(context, 'schema', (db) =>
    untilInterrupted(async (signal) => {
      const reader = new StatusReader(db);
      await reader.read();
      await pause(SAMPLE_MS, signal);
      const { output } = context;
      const screen = new Screen(output, options.watch && output.isTerminal);
      while (!signal.aborted) {
        screen.show(textOf(await reader.read(), options, output.columns));
        if (!options.watch) return;
        await pause(WATCH_EVERY_MS, signal);
      }
    }),
  );
  return 0;
}

function textOf(status: Status, { json, watch }: StatusOptions, columns: number): string {
  if (!json) return statusText(status, columns);
  return `${JSON.stringify(statusJson(status), undefined, watch ? 0 : 2)}\n`;
}

/** Shows one text after the other, or each in the place of the one before. */
class Screen {
  readonly #output: Output;
  readonly #inPlace: boolean;
  #isClear = false;

  constructor(output: Output, inPlace: boolean) {
    this.#output = output;
    this.#inPlace = inPlace;
  }

  show(text: string): void {
    if (!this.#inPlace) {
      this.#output.write(text);
      return;
    }
    const first = this.#isClear ? '' : CLEAR_SCREEN;
    this.#isClear = true;
    // Line by line: to clear the screen each time would flicker.
    this.#output.write(`${first}${HOME}${text.replaceAll('\n', `${CLEAR_LINE}\n`)}${CLEAR_BELOW}`);
  }
}

const CLEAR_SCREEN = '\u001b[2J';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
