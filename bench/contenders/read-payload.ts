import { handled, handledAt } from './sink.ts';

const wantsTimes = process.env['BENCH_TIMES'] === 'true';

/** What every handler does with the payload of a change. */
export function handlePayload(payload: { readonly new_data: { readonly n: number } }): void {
  if (wantsTimes) handledAt(payload.new_data.n);
  else handled();
}
