import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished } from 'vitest';
import { findChromium, launchChromium, watchForProblems } from './chromium.ts';
import { skipBecause } from './skip.ts';

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

export interface PageOptions extends Pick<BrowserContextOptions, 'colorScheme' | 'viewport'> {
  /** Run in each document before its own scripts. */
  readonly initScript?: string;
  /** What is refused is told as a problem; this test wants it. Default: false. */
  readonly expectsRefusals?: boolean;
}

/** A real browser for a test file. Without one on this machine, its tests are skipped. */
export class BrowserFixture {
  #browser: Browser | undefined;

  constructor() {
    const program = findChromium();
    beforeAll(async () => {
      if (program !== undefined) this.#browser = await launchChromium(program);
    });
    beforeEach((test) => {
      if (program === undefined) skipBecause(test, 'there is no chromium on this machine');
    });
    afterAll(() => this.#browser?.close());
  }

  /** A page with cookies of its own, closed after the test, which fails when it had problems. */
  async open(url: string, options: PageOptions = {}): Promise<Page> {
    if (this.#browser === undefined) throw new Error('No test runs yet.');
    const { initScript, expectsRefusals = false, ...contextOptions } = options;
    const context = await this.#browser.newContext({ viewport: DESKTOP, ...contextOptions });
    if (initScript !== undefined) await context.addInitScript(initScript);
    const page = await context.newPage();
    const problems = watchForProblems(page);
    onTestFinished(async () => {
      await context.close();
      if (!expectsRefusals) expect(problems).toEqual([]);
    });
    await page.goto(url);
    return page;
  }
}

/** The page has heard from the server that it is connected: from now on it changes by itself. */
export async function untilLive(page: Page): Promise<void> {
  await page.locator('#live-light[data-state="on"]').waitFor();
}
