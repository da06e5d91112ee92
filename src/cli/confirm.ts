import type { CommandContext } from './options.ts';

/**
 * Asks on a terminal; elsewhere nobody is there to answer, and a script has meant what it says.
 * @returns whether to go on
 */
export async function confirmed(
  { input, output }: CommandContext,
  question: string,
  yes: boolean,
): Promise<boolean> {
  const isTerminal = 'isTTY' in input && input.isTTY === true && output.isTerminal;
  if (yes || !isTerminal) return true;
  const { confirm } = await import('@clack/prompts');
  return (await confirm({ message: question, initialValue: false })) === true;
}
