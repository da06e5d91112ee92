import type { RunningProgram } from './running-program.ts';

/** What a consumer was given, in that order, repeats included. It prints `handled <id> <number>;`. */
export function handledNumbers(program: RunningProgram, consumer: string): readonly number[] {
  const lines = program.stdout.matchAll(new RegExp(`^handled ${consumer} (\\d+);`, 'gm'));
  return [...lines].map(([, number]) => Number(number));
}

/** Those that were there before. */
export function repeatsAmong(numbers: readonly number[]): readonly number[] {
  return numbers.filter((number, index) => numbers.indexOf(number) < index);
}

/** Numbers whose first handling came after that of a later one of their key. */
export function outOfOrder(numbers: readonly number[], keyOf: (number: number) => number) {
  const latest = new Map<number, number>();
  return [...new Set(numbers)].filter((number) => {
    const before = latest.get(keyOf(number)) ?? 0;
    latest.set(keyOf(number), Math.max(before, number));
    return number < before;
  });
}
