import type { SettingFlags } from '../config/settings.ts';
import type { CommandContext } from './options.ts';

/**
 * Loads a command's body, prepares its context with the flags that set the configuration, and calls
 * it.
 */
export type Runner = <Body>(
  flags: SettingFlags,
  load: () => Promise<Body>,
  call: (body: Body, context: CommandContext) => Promise<number>,
) => Promise<void>;
