import { InvalidArgumentError } from 'commander';

/** A list as typed: comma-separated, repeated, or both. */
export function addNames(text: string, before: string[] | undefined): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('A name is empty.');
  return [...new Set([...(before ?? []), ...names])];
}

export function nonEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('It is empty.');
  return text;
}
