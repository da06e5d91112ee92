import { distance } from 'fastest-levenshtein';

/**
 * ` Did you mean "x"?` when one of the candidates is so near to what was found that it was probably
 * meant, else an empty string. To be appended to a sentence.
 */
export function suggest(found: string, candidates: Iterable<string>): string {
  const wanted = simplified(found);
  let best: { candidate: string; steps: number } | undefined;
  for (const candidate of candidates) {
    const steps = stepsBetween(wanted, simplified(candidate));
    const tolerable = Math.max(1, Math.floor(Math.max(found.length, candidate.length) * 0.4));
    if (steps <= tolerable && (best === undefined || steps < best.steps)) {
      best = { candidate, steps };
    }
  }
  return best === undefined ? '' : ` Did you mean "${best.candidate}"?`;
}

/**
 * Letters to add, leave out or replace; two neighbours that changed places are one step, not two,
 * because fingers make that mistake as easily, and in a short name two are too many.
 */
function stepsBetween(typed: string, meant: string): number {
  const swapped = Array.from({ length: Math.max(0, typed.length - 1) }, (_, at) =>
    [typed.slice(0, at), typed[at + 1], typed[at], typed.slice(at + 2)].join(''),
  );
  return Math.min(distance(typed, meant), ...swapped.map((text) => 1 + distance(text, meant)));
}

/** Case and the choice between "a_b", "a-b" and "aB" are not what a typing mistake is about. */
function simplified(text: string): string {
  return text.toLowerCase().replaceAll(/[-_\s]/g, '');
}
