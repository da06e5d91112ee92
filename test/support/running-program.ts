import { type ChildProcess, spawn } from 'node:child_process';

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A real process of Node, whose output a test can wait for. */
export class RunningProgram {
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #end: ProgramEnd | undefined;
  #stdout = '';
  #stderr = '';

  constructor(
    parameters: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string>>,
    input?: string | Uint8Array,
  ) {
    this.#child = spawn(process.execPath, [...parameters], {
      cwd,
      env: { ...withoutOurs(process.env), ...env },
      stdio: 'pipe',
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
      this.#check();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
      this.#check();
    });
    this.#child.stdin?.end(input ?? '');
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.#end = { code, signal };
        resolve(this.#end);
        this.#check();
      });
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits until a text has been printed so often, on either stream. Rejects when it ends before. */
  async says(text: string, count = 1): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const check = () => {
        const found = `${this.#stdout}\n${this.#stderr}`.split(text).length - 1;
        if (found < count && this.#end === undefined) return;
        this.#waiting.delete(check);
        if (found >= count) resolve();
        else
          reject(new Error(`It ended without saying "${text}":\n${this.#stdout}${this.#stderr}`));
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<ProgramEnd> {
    if (this.#end === undefined) this.#child.kill(signal);
    return this.ended;
  }

  /** Sends a signal; returns at once. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #check(): void {
    for (const check of this.#waiting) check();
  }
}

/** What the test run itself was started with must not configure the program. */
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => name !== 'DATABASE_URL' && name !== 'NODE_ENV' && !/^(PGWATCH|VITEST)/.test(name),
    ),
  );
}
